//! Times by a wall clock that may be set back. Pure.

use std::time::{Duration, SystemTime};

/// How far the clock may be behind an earlier time before it counts as set back: a caller may have
/// read it a little before that time.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// Returns whether the clock was set back since it showed `earlier`.
pub(super) fn was_set_back(earlier: SystemTime, now: SystemTime) -> bool {
    // The comparison is nearly always enough, and takes a tenth of the difference.
    now < earlier && earlier.duration_since(now).is_ok_and(|ahead| ahead > CLOCK_TOLERANCE)
}

/// A range of time by the wall clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeWindow {
    pub(super) since: SystemTime,
    until: SystemTime,
}

impl TimeWindow {
    pub(super) fn new(since: SystemTime, length: Duration) -> Option<Self> {
        since.checked_add(length).map(|until| Self { since, until })
    }

    /// Returns the time that is left: none if the clock was set back since the window began.
    pub(super) fn left(self, now: SystemTime) -> Duration {
        if was_set_back(self.since, now) {
            Duration::ZERO
        } else {
            self.until.duration_since(now).unwrap_or_default()
        }
    }
}
