use std::{ops::RangeInclusive, time::Duration};

/// A pause that doubles with each failure in a row, with jitter.
///
/// Pure: the caller counts the failures, draws the chance, and adds the pause to the time of its
/// own clock.
///
/// ```
/// use std::time::Duration;
/// use passport_core::Backoff;
///
/// const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
///
/// assert_eq!(BACKOFF.ceiling(3), Duration::from_secs(8));
/// assert_eq!(BACKOFF.pause(3, 0.0), Duration::from_secs(4));
/// assert_eq!(BACKOFF.pause(3, 1.0), Duration::from_secs(8));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    least_part: f64,
    most_part: f64,
}

impl Backoff {
    /// Creates a backoff from `first`, after the first failure, to `max`. A pause is at least half
    /// of that, and at most all of it; see [`with_jitter`](Self::with_jitter).
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, least_part: 0.5, most_part: 1.0 }
    }

    /// Sets the parts of the [ceiling](Self::ceiling) between which a pause is: `0.5..=1.5` spreads
    /// it around the ceiling. Defaults to `0.5..=1.0`.
    #[must_use]
    pub const fn with_jitter(self, parts: RangeInclusive<f64>) -> Self {
        Self { least_part: *parts.start(), most_part: *parts.end(), ..self }
    }

    /// Returns the pause without jitter after a failure that follows `failures` others: `first` for
    /// none, twice as long for each one, `max` at most.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }

    /// Returns the pause after a failure that follows `failures` others. `chance` is in 0..1: the
    /// pause is the shortest for 0, and the longest for 1.
    #[must_use]
    pub fn pause(&self, failures: u32, chance: f64) -> Duration {
        let part = self.least_part + (self.most_part - self.least_part) * chance.clamp(0.0, 1.0);
        self.ceiling(failures).mul_f64(part)
    }
}

#[cfg(test)]
mod tests;
