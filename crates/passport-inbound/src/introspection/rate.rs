//! Limits the number of calls per second (token bucket). Pure: the time is an argument.

use std::time::Duration;

/// A limit of calls per second, with bursts of as many calls. Times are those of a monotonic clock.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// The time between two calls at the limit.
    interval: Duration,
    /// The longest burst, as the time in which the limit allows as many calls.
    burst: Duration,
    /// When the limit would be free of all past calls (the theoretical arrival time of the generic
    /// cell rate algorithm).
    free_at: Duration,
}

impl RateLimit {
    /// Creates a limit of `per_second` calls, at least 1.
    pub(super) fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, burst: interval * per_second.max(1), free_at: Duration::ZERO }
    }

    /// Takes one call at the time `now`.
    ///
    /// # Errors
    /// The time after which a call is allowed.
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let free_at = self.free_at.max(now) + self.interval;
        let excess = free_at.saturating_sub(now + self.burst);
        if !excess.is_zero() {
            return Err(excess);
        }
        self.free_at = free_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
