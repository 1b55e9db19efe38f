use std::time::{Duration, SystemTime};

/// A caller may have read the clock a little before a span of time began that it meets.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// A span of time, by the wall clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) since: SystemTime,
    until: SystemTime,
}

impl Span {
    pub(super) fn new(since: SystemTime, length: Duration) -> Option<Self> {
        since.checked_add(length).map(|until| Self { since, until })
    }

    /// Returns the time that is left. A time well before the beginning means that the clock was set
    /// back: the span has ended then.
    pub(super) fn left(self, now: SystemTime) -> Duration {
        let set_back = self.since.duration_since(now).is_ok_and(|by| by > CLOCK_TOLERANCE);
        if set_back { Duration::ZERO } else { self.until.duration_since(now).unwrap_or_default() }
    }
}
