use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the nanoseconds from the Unix epoch to `time`: 0 if `time` is before the epoch, and
/// `u64::MAX` if it is after the year 2554.
///
/// Code that runs for each request compares times as integers, which takes fewer instructions
/// than comparing them as `SystemTime`.
#[must_use]
pub fn unix_nanos(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the time that is `nanos` nanoseconds after the Unix epoch.
#[must_use]
pub fn from_unix_nanos(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests;
