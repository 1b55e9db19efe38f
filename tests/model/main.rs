//! Every interleaving of the threads that meet at a slot, tried by loom.
//!
//! The slot and the single flight are compiled here once more, from their own files, with loom's primitives in the place of
//! the standard library's (`sync.rs` beside this file). There is no harness, as the unit tests in those files are not for
//! loom.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "the files hold more than the models need")]
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "these are tests")]

#[path = "../../crates/passport-outbound/src/error.rs"]
mod error;
#[path = "../../crates/passport-outbound/src/cache/kept.rs"]
mod kept;
mod models;
#[path = "../../crates/passport-outbound/src/refresh/mod.rs"]
mod refresh;
#[path = "../../crates/passport-core/src/single_flight.rs"]
mod single_flight;
#[path = "../../crates/passport-outbound/src/cache/slot.rs"]
mod slot;
mod sync;

use kept::Kept;

use crate::error::{TokenError, TokenErrorKind};

fn main() {
    for (name, model) in models::ALL {
        let mut loom = loom::model::Builder::new();
        loom.preemption_bound = Some(3);
        loom.check(model);
        println!("model {name} ... ok");
    }
}
