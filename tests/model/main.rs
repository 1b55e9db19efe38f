//! Models of the threads that meet at a token entry. loom runs them in every order with at most
//! three preemptions. (Without this bound a model does not end, and races rarely need more than
//! two.)
//!
//! The token entry and the shared task are compiled here from their own files, with loom's locks
//! in place of those of the standard library (`sync.rs`). Two things are assumed: tokio's
//! `watch` channel is correct, and a load or a store of `ArcSwap` is one atomic step. The models
//! are in `models.rs` and `shared_task_models.rs`.
//!
//! Run one with `cargo test -p passport-tests --test model [name]`. There is no test harness,
//! because the unit tests in those files do not run under loom.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "the files hold more than the models need")]
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

#[path = "../../crates/passport-outbound/src/token/action.rs"]
mod action;
#[path = "../../crates/passport-outbound/src/token/cache_entry.rs"]
mod cache_entry;
#[path = "../../crates/passport-outbound/src/token/cache_entry_state.rs"]
mod cache_entry_state;
#[path = "../../crates/passport-outbound/src/token/cached_token.rs"]
mod cached_token;
#[path = "../../crates/passport-outbound/src/token/error.rs"]
mod error;
#[path = "../../crates/passport-outbound/src/token/fetch_failure.rs"]
mod fetch_failure;
mod models;
#[path = "../../crates/passport-outbound/src/token/monotonic_clock.rs"]
mod monotonic_clock;
#[path = "../../crates/passport-outbound/src/token/retry_backoff.rs"]
mod retry_backoff;
#[path = "../../crates/passport-outbound/src/token/schedule.rs"]
mod schedule;
#[path = "../../crates/passport-core/src/shared_task/mod.rs"]
mod shared_task;
mod shared_task_models;
mod sync;

fn main() {
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let all = models::ALL.into_iter().chain(shared_task_models::ALL);
    for (name, model) in all.filter(|(name, _)| name.contains(&filter)) {
        let mut loom = loom::model::Builder::new();
        loom.preemption_bound = Some(3);
        loom.check(model);
        println!("model {name} ... ok");
    }
    if filter.is_empty() {
        models::assert_that_a_fetch_was_invalidated_in_flight();
    }
}
