//! Handles a wall clock that is set back. Pure.

use std::time::{Duration, SystemTime};

/// The difference up to which a clock that is behind an earlier time does not count as set back.
/// A caller may have read the clock a little before the other time was recorded.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// Returns whether the clock was set back since it showed `earlier`.
pub(super) fn was_set_back(earlier: SystemTime, now: SystemTime) -> bool {
    // The comparison is nearly always sufficient, and costs a tenth of `duration_since`.
    now < earlier && earlier.duration_since(now).is_ok_and(|ahead| ahead > CLOCK_TOLERANCE)
}

/// A period of time by the wall clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeWindow {
    pub(super) since: SystemTime,
    until: SystemTime,
}

impl TimeWindow {
    pub(super) fn new(since: SystemTime, length: Duration) -> Option<Self> {
        since.checked_add(length).map(|until| Self { since, until })
    }

    /// Returns the time until the window ends. Zero if the clock was set back before its beginning.
    pub(super) fn remaining(self, now: SystemTime) -> Duration {
        if was_set_back(self.since, now) {
            Duration::ZERO
        } else {
            self.until.duration_since(now).unwrap_or_default()
        }
    }
}
