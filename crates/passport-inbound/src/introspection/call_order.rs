//! The order of the requests of callers and the calls to their issuer.

use std::sync::atomic::{AtomicU64, Ordering};

/// Gives each call to an issuer a position after all requests that arrived before it began. The
/// clock alone cannot: the system clock that verifications read advances only every few
/// milliseconds.
///
/// Positions are close to the time, in nanoseconds since the Unix epoch, so that the age of a
/// request is known as well. Has the position of the latest call.
#[derive(Debug, Default)]
pub(super) struct CallOrder(AtomicU64);

impl CallOrder {
    /// Returns the position of a request that arrives at the time `now`: not before any call that
    /// has begun. Changes nothing.
    #[inline]
    pub(super) fn arrival(&self, now: u64) -> u64 {
        now.max(self.0.load(Ordering::Acquire))
    }

    /// Returns the position of a call that begins at the time `now`: after each request that has
    /// arrived. After the clock was set back, requests that arrived before can have a later
    /// position.
    pub(super) fn call(&self, now: u64) -> u64 {
        self.0.fetch_max(now, Ordering::AcqRel);
        self.0.fetch_add(1, Ordering::AcqRel).saturating_add(1)
    }
}

#[cfg(test)]
mod tests;
