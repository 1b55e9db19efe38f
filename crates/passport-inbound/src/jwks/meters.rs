//! The metrics that most verifications update.

use std::fmt;

use metrics::{Counter, Histogram, counter, histogram};
use tokio::time::Instant;

use crate::{
    issuers::IssuerName,
    metrics::{ISSUER, TOKENS, VERIFICATION_SECONDS},
};

/// The metrics that most verifications update. The metrics are registered when a key set is
/// installed, so that a verification does not have to look the metrics up. A metrics recorder
/// that is installed later is used from the next key set on.
pub(crate) struct Meters {
    accepted: Counter,
    /// The duration of verifications of tokens that are not cached.
    cold: Histogram,
    /// The duration of cache hits.
    hit: Histogram,
}

impl Meters {
    /// Registers the metrics with the installed metrics recorder.
    pub(super) fn new(issuer: &IssuerName) -> Self {
        Self {
            accepted: counter!(TOKENS, ISSUER => issuer.label(), "outcome" => "accepted"),
            cold: histogram!(VERIFICATION_SECONDS, "path" => "cold"),
            hit: histogram!(VERIFICATION_SECONDS, "path" => "hit"),
        }
    }

    /// Increments the counter of accepted tokens.
    pub(crate) fn accepted(&self) {
        self.accepted.increment(1);
    }

    /// Records the time since `started` as the duration of the verification of an uncached token.
    pub(crate) fn cold(&self, started: Instant) {
        self.cold.record(started.elapsed());
    }

    /// Records the time since `started` as the duration of a cache hit.
    pub(crate) fn hit(&self, started: Instant) {
        self.hit.record(started.elapsed());
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}
