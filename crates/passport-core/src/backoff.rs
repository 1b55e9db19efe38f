use std::{ops::RangeInclusive, time::Duration};

/// An exponential backoff with jitter: the time to wait after a failure (the delay), which
/// doubles with each consecutive failure.
///
/// Pure: it has no state, no clock and no random numbers. The caller counts the failures, passes
/// a random number, and adds the delay to the current time.
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
    /// Creates a backoff whose delay grows from `first`, after the first failure, to `max`.
    ///
    /// By default, jitter shortens each delay by up to half. [`with_jitter`](Self::with_jitter)
    /// sets another range.
    #[must_use]
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, min_factor: 0.5, max_factor: 1.0 }
    }

    /// Sets the range of the random factor by which the delay [without jitter](Self::max_delay) is
    /// multiplied. `0.5..=1.5` makes the delay up to half shorter or longer. Defaults to
    /// `0.5..=1.0`.
    #[must_use]
    pub const fn with_jitter(self, factors: RangeInclusive<f64>) -> Self {
        Self { min_factor: *factors.start(), max_factor: *factors.end(), ..self }
    }

    /// Returns the delay without jitter after a failure. `failures` is the number of consecutive
    /// failures before this failure.
    ///
    /// If `failures` is 0, the delay is the `first` of [`new`](Self::new). The delay doubles with
    /// each further failure, up to `max`.
    #[must_use]
    pub fn max_delay(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.max)
    }

    /// Returns the delay with jitter after a failure. `failures` is the number of consecutive
    /// failures before this failure.
    ///
    /// `chance` is a random number from 0 (shortest delay) to 1 (longest delay). Numbers outside
    /// this range are clamped to the range.
    #[must_use]
    pub fn delay(&self, failures: u32, chance: f64) -> Duration {
        let factor = self.min_factor + (self.max_factor - self.min_factor) * chance.clamp(0.0, 1.0);
        self.max_delay(failures).mul_f64(factor)
    }
}

#[cfg(test)]
mod tests;
