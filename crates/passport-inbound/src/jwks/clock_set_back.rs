//! Detects that the wall clock was set back. Pure: the time is an argument.

use std::time::{Duration, SystemTime};

/// How far the clock can be behind an earlier time without counting as set back. Such a
/// difference is normal: a request can have read the clock a little before the earlier time was
/// recorded.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// Returns whether the clock was set back since the clock showed the time `earlier`.
pub(super) fn was_set_back(earlier: SystemTime, now: SystemTime) -> bool {
    // `now < earlier` is nearly always false, and costs a tenth of `duration_since`.
    now < earlier && earlier.duration_since(now).is_ok_and(|ahead| ahead > CLOCK_TOLERANCE)
}

/// A period of time by the wall clock. The period ends early if the clock is set back to a time
/// before its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeWindow {
    pub(super) since: SystemTime,
    until: SystemTime,
}

impl TimeWindow {
    /// Creates a period that begins at `since`. Returns `None` if its end is beyond the range of
    /// [`SystemTime`].
    pub(super) fn new(since: SystemTime, length: Duration) -> Option<Self> {
        since.checked_add(length).map(|until| Self { since, until })
    }

    /// Returns the duration until the period ends. Returns zero if the period has ended, or if the
    /// clock was set back to a time before its beginning.
    pub(super) fn remaining(self, now: SystemTime) -> Duration {
        if was_set_back(self.since, now) {
            Duration::ZERO
        } else {
            self.until.duration_since(now).unwrap_or_default()
        }
    }
}
