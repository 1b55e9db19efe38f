use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns `time` in whole milliseconds, saturating at `u64::MAX`.
#[must_use]
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the milliseconds from the Unix epoch to `time`, or 0 for times before it.
#[must_use]
pub fn unix_millis(time: SystemTime) -> u64 {
    millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests;
