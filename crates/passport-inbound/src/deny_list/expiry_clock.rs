//! The clock by which the entries of a deny list expire.

use std::time::{Duration, SystemTime};

use passport_core::{Clock, SharedClock};

use super::record::seconds;

/// A wall clock that advances no faster than the monotonic clock since the list was created.
///
/// If the wall clock is set forward for a while, no entry expires early. Otherwise the denied
/// tokens would be accepted again after the wall clock was corrected. If the wall clock was behind
/// when the list was created, or if the monotonic clock has paused because the machine was
/// suspended, entries live longer by this difference.
#[derive(Debug)]
pub(super) struct ExpiryClock {
    clock: SharedClock,
    created_at: SystemTime,
    /// The monotonic time at which the list was created.
    created_at_monotonic: Duration,
}

impl ExpiryClock {
    pub(super) fn new(clock: SharedClock) -> Self {
        let (created_at, created_at_monotonic) = (clock.now(), clock.monotonic());
        Self { clock, created_at, created_at_monotonic }
    }

    /// Returns the wall clock time.
    pub(super) fn wall(&self) -> SystemTime {
        self.clock.now()
    }

    /// Returns the time by which entries expire, in whole seconds since 1970.
    pub(super) fn now(&self) -> u32 {
        let wall = self.clock.now();
        let age = self.clock.monotonic().saturating_sub(self.created_at_monotonic);
        seconds(self.created_at.checked_add(age).map_or(wall, |latest| latest.min(wall)))
    }
}

#[cfg(test)]
mod tests;
