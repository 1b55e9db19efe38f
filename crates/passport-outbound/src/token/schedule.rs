//! The refresh schedule of a token: the time from which a refresh is due, and the time from
//! which the token is no longer sent. Pure.

use std::time::{Duration, SystemTime};

use passport_core::unix_nanos;

/// The default of [`RefreshSettings::threshold`]. Passport's own client has the same default.
pub(crate) const DEFAULT_THRESHOLD: Duration = Duration::from_secs(60);

/// How long before its expiry a token is no longer sent, because the receiver's clock can be
/// ahead of the local clock. For a token with a lifetime below 50 s, a tenth of the lifetime
/// applies.
const HARD_MARGIN: Duration = Duration::from_secs(5);

/// The minimum lifetime of a fetched token. A fetch that returns a token with a shorter lifetime
/// has failed, because the token would have to be refreshed continuously.
pub(crate) const MIN_LIFETIME: Duration = Duration::from_secs(1);

/// The maximum time by which jitter moves a refresh to an earlier time.
const MAX_JITTER: Duration = Duration::from_secs(30);

/// Settings that determine when an identity refreshes its tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RefreshSettings {
    /// How long before the expiry of a token its background refresh is due.
    pub(crate) threshold: Duration,
    /// The fraction of the maximum jitter by which this instance refreshes earlier, in 0..1. The
    /// fraction is constant, so that the instances of a service keep refreshing at different times.
    pub(crate) jitter: f64,
}

/// The times at which the phase of a token changes, in nanoseconds since the Unix epoch. They are
/// computed once for each token, so that a call with a fresh token only compares two integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    issued_at: u64,
    /// The time from which a background refresh is due.
    soft_at: u64,
    /// The time from which the token is no longer sent, shortly before its expiry.
    hard_at: u64,
}

/// The phase of a token within its lifetime. A token is valid until the phase `Hard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The token is sent, and no refresh is due.
    Fresh,
    /// The token is sent, and a refresh is due.
    Soft,
    /// The token is no longer sent.
    Hard,
}

impl RefreshSettings {
    /// Returns the refresh schedule of a token that was issued at `issued_at`.
    ///
    /// The refresh is due before the expiry, by the sum of two times:
    /// - The threshold, but at most half of the lifetime, so that a short-lived token is not
    ///   refreshed continuously.
    /// - The jitter, at most 10 % of the lifetime and 30 s, so that the instances of a service
    ///   refresh at different times.
    pub(crate) fn schedule(&self, issued_at: SystemTime, lifetime: Duration) -> Schedule {
        let threshold = self.threshold.min(lifetime / 2);
        let jitter = (lifetime / 10).min(MAX_JITTER).mul_f64(self.jitter.clamp(0.0, 1.0));
        let margin = (lifetime / 10).min(HARD_MARGIN);
        let before_expiry = |time: Duration| {
            unix_nanos(issued_at.checked_add(lifetime.saturating_sub(time)).unwrap_or(issued_at))
        };
        let hard_at = before_expiry(margin);
        let soft_at = before_expiry(threshold + jitter).min(hard_at);
        Schedule { issued_at: unix_nanos(issued_at), soft_at, hard_at }
    }
}

impl Schedule {
    /// Returns the time since the token was issued. Zero if `now` is before the time of issue.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        Duration::from_nanos(unix_nanos(now).saturating_sub(self.issued_at))
    }

    /// Returns the time until the token is no longer sent. Zero if the token is no longer sent at
    /// `now`.
    pub(crate) fn left(&self, now: SystemTime) -> Duration {
        Duration::from_nanos(self.hard_at.saturating_sub(unix_nanos(now)))
    }

    /// Returns a copy of the schedule in which the background refresh is due at `now` at the
    /// latest.
    pub(crate) fn due(self, now: SystemTime) -> Self {
        Self { soft_at: self.soft_at.min(unix_nanos(now)), ..self }
    }

    /// Returns whether the phase of the token is [`Phase::Fresh`] at `now`, in nanoseconds since
    /// the Unix epoch.
    #[inline]
    pub(crate) fn is_fresh(&self, now: u64) -> bool {
        now < self.soft_at
    }

    /// Returns the phase of the token at `now`.
    pub(crate) fn phase(&self, now: SystemTime) -> Phase {
        let now = unix_nanos(now);
        if self.is_fresh(now) {
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
