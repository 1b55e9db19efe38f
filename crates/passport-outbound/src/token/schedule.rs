//! The refresh schedule of a token: when it is refreshed, and when it is no longer sent. Pure.

use std::time::{Duration, SystemTime};

/// The default time before expiry at which a refresh starts. Passport's own client has the same.
pub(crate) const DEFAULT_THRESHOLD: Duration = Duration::from_secs(60);

/// The maximum time before expiry from which a token is no longer sent, because the receiver's
/// clock may be ahead of the local one.
const HARD_MARGIN: Duration = Duration::from_secs(5);

/// The minimum lifetime of a usable token. A shorter one would cause a continuous refresh.
pub(crate) const MIN_LIFETIME: Duration = Duration::from_secs(1);

/// The maximum jitter of the refresh.
const MAX_JITTER: Duration = Duration::from_secs(30);

/// The settings of the refresh schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RefreshSettings {
    /// The time before expiry at which a refresh starts.
    pub(crate) threshold: Duration,
    /// The fraction of the maximum jitter that this instance uses, in 0..1. It is constant, so that
    /// the instances of a fleet keep refreshing at different times.
    pub(crate) jitter: f64,
}

/// The times at which the phase of a token changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    issued_at: SystemTime,
    /// The start of the background refresh.
    soft_at: SystemTime,
    /// The time from which the token is no longer sent, shortly before its expiry.
    hard_at: SystemTime,
}

/// The phase of a token within its lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The token is sent.
    Fresh,
    /// The token is sent, and a refresh is due.
    Soft,
    /// The token is no longer sent.
    Hard,
}

impl RefreshSettings {
    /// Returns the schedule of a token.
    ///
    /// The threshold is at most half of the lifetime, so that a short-lived token is not refreshed
    /// continuously. The jitter is at most 10 % of the lifetime and 30 s; it spreads the refreshes
    /// of a fleet.
    pub(crate) fn schedule(&self, issued_at: SystemTime, lifetime: Duration) -> Schedule {
        let threshold = self.threshold.min(lifetime / 2);
        let jitter = (lifetime / 10).min(MAX_JITTER).mul_f64(self.jitter.clamp(0.0, 1.0));
        let margin = (lifetime / 10).min(HARD_MARGIN);
        let before_expiry =
            |time: Duration| issued_at.checked_add(lifetime.saturating_sub(time)).unwrap_or(issued_at);
        let hard_at = before_expiry(margin);
        Schedule { issued_at, soft_at: before_expiry(threshold + jitter).min(hard_at), hard_at }
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

    /// Returns the schedule with a refresh that is due from `now` on.
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
