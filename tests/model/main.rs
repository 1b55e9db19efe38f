//! Model checks of concurrent access to a token entry and to a shared task, with loom.
//!
//! Loom explores every interleaving of threads with at most three preemptions. (Without the
//! bound a model does not terminate; races rarely need more than two.)
//!
//! This binary compiles the production files of the token entry and the shared task by
//! `#[path]`, with loom's locks instead of those of the standard library (`sync.rs`). The models
//! assume that tokio's `watch` channel is correct, and that a load and a store of `ArcSwap` are
//! one step each. The models are in `models.rs` and `shared_task_models.rs`.
//!
//! Run it with `cargo test -p passport-tests --test model [name]`. It has no test harness,
//! because the unit tests of the compiled files do not run under loom.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "the files contain more than the models need")]
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
        models::assert_that_a_running_attempt_was_invalidated();
    }
}
