//! When a token is refreshed, and when it is no longer sent. Pure.

use std::time::{Duration, SystemTime};

/// The default time before the expiry at which a refresh starts, as in Passport's own client.
pub(crate) const DEFAULT_THRESHOLD: Duration = Duration::from_secs(60);

/// The longest time before its expiry in which a token is no longer sent: the receiver's clock may
/// be ahead of ours.
const HARD_MARGIN: Duration = Duration::from_secs(5);

/// The shortest lifetime of a usable token. A shorter one would be refreshed without end.
pub(crate) const LEAST_LIFE: Duration = Duration::from_secs(1);

const MAX_JITTER: Duration = Duration::from_secs(30);

/// The settings of the refresh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RefreshSettings {
    /// The time before the expiry at which a refresh starts.
    pub(crate) threshold: Duration,
    /// The part of the jitter that this instance uses, in 0..1. It never changes, so that instances
    /// do not refresh at the same time.
    pub(crate) jitter: f64,
}

/// The times in the life of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    issued_at: SystemTime,
    soft_at: SystemTime,
    hard_at: SystemTime,
}

/// The phase of a token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is sent.
    Fresh,
    /// It is sent, and refreshed.
    Soft,
    /// It is not sent.
    Hard,
}

impl RefreshSettings {
    /// Returns the schedule of a token.
    ///
    /// The threshold is at most half of the lifetime, so that a short-lived token is not refreshed
    /// without end. The jitter is at most 10 % of the lifetime and 30 s, so that the instances of a
    /// fleet do not refresh at the same time.
    pub(crate) fn schedule(&self, issued_at: SystemTime, lifetime: Duration) -> Schedule {
        let threshold = self.threshold.min(lifetime / 2);
        let jitter = (lifetime / 10).min(MAX_JITTER).mul_f64(self.jitter.clamp(0.0, 1.0));
        let margin = (lifetime / 10).min(HARD_MARGIN);
        let after =
            |part: Duration| issued_at.checked_add(lifetime.saturating_sub(part)).unwrap_or(issued_at);
        let hard_at = after(margin);
        Schedule { issued_at, soft_at: after(threshold + jitter).min(hard_at), hard_at }
    }
}

impl Schedule {
    /// Returns the time since the token was issued.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.issued_at).unwrap_or_default()
    }

    /// Returns how long the token may still be sent.
    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        self.hard_at.duration_since(now).unwrap_or_default()
    }

    /// Returns the same schedule, but due for a refresh from `now` on.
    pub(crate) fn due(self, now: SystemTime) -> Self {
        Self { soft_at: self.soft_at.min(now), ..self }
    }

    /// Returns the phase at `now`.
    pub(crate) fn phase(&self, now: SystemTime) -> Phase {
        if now < self.soft_at {
            Phase::Fresh
        } else if now < self.hard_at {
            Phase::Soft
        } else {
            Phase::Hard
        }
    }
}

#[cfg(test)]
#[path = "schedule/tests.rs"]
mod tests;
