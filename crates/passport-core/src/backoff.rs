use std::{ops::RangeInclusive, time::Duration};

/// An exponential backoff with jitter: a pause that doubles with each consecutive failure.
///
/// Pure: it has no state, no clock and no random numbers. The caller counts the failures, passes
/// a random number, and adds the pause to the current time.
///
/// ```
/// use std::time::Duration;
/// use passport_core::Backoff;
///
/// const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
///
/// assert_eq!(BACKOFF.max_delay(3), Duration::from_secs(8));
/// assert_eq!(BACKOFF.delay(3, 0.0), Duration::from_secs(4));
/// assert_eq!(BACKOFF.delay(3, 1.0), Duration::from_secs(8));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    min_factor: f64,
    max_factor: f64,
}

impl Backoff {
    /// Creates a backoff that grows from `first`, after the first failure, to `max`.
    ///
    /// A pause is between half of the ceiling and the ceiling; see
    /// [`with_jitter`](Self::with_jitter).
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, min_factor: 0.5, max_factor: 1.0 }
    }

    /// Sets the shortest and the longest pause as factors of the [ceiling](Self::max_delay).
    /// `0.5..=1.5` spreads pauses around the ceiling. Defaults to `0.5..=1.0`.
    #[must_use]
    pub const fn with_jitter(self, factors: RangeInclusive<f64>) -> Self {
        Self { min_factor: *factors.start(), max_factor: *factors.end(), ..self }
    }

    /// Returns the pause without jitter after a failure that follows `failures` consecutive
    /// failures: `first` for 0, doubled for each further one, at most `max`.
    #[must_use]
    pub fn max_delay(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }

    /// Returns the pause with jitter after a failure that follows `failures` consecutive failures.
    ///
    /// `chance` is a random number from 0 to 1: 0 is the shortest pause, 1 the longest. Other
    /// values are clamped.
    #[must_use]
    pub fn delay(&self, failures: u32, chance: f64) -> Duration {
        let factor = self.min_factor + (self.max_factor - self.min_factor) * chance.clamp(0.0, 1.0);
        self.max_delay(failures).mul_f64(factor)
    }
}

#[cfg(test)]
mod tests;
