//! The metrics of the verification path.

use std::fmt;

use metrics::{Counter, Histogram, counter, histogram};
use tokio::time::Instant;

use crate::metrics::{TOKENS, VERIFICATION_SECONDS};

/// The metrics of the verification path. They are registered with each key set, so that a
/// request does not have to look them up. A metrics recorder that is installed later is used
/// from the next key set on.
pub(crate) struct Meters {
    accepted: Counter,
    cold: Histogram,
    hit: Histogram,
}

impl Meters {
    pub(super) fn new() -> Self {
        Self {
            accepted: counter!(TOKENS, "outcome" => "accepted"),
            cold: histogram!(VERIFICATION_SECONDS, "path" => "cold"),
            hit: histogram!(VERIFICATION_SECONDS, "path" => "hit"),
        }
    }

    /// Counts an accepted token.
    pub(crate) fn accepted(&self) {
        self.accepted.increment(1);
    }

    /// Records the time since `started` that the verification of an uncached token took.
    pub(crate) fn cold(&self, started: Instant) {
        self.cold.record(started.elapsed());
    }

    /// Records the time since `started` that a cache hit took.
    pub(crate) fn hit(&self, started: Instant) {
        self.hit.record(started.elapsed());
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}
