use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns `duration` in whole milliseconds, rounded down and saturating at `u64::MAX`.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the milliseconds from the Unix epoch to `time`, or 0 if `time` is before the epoch.
#[must_use]
pub fn unix_millis(time: SystemTime) -> u64 {
    millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests;
