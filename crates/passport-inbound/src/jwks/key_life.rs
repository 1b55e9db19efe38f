//! The lifetime of a key set: how long the key set is fresh, and how long it is trusted. Pure:
//! the time is an argument.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use super::{
    clock_set_back::{CLOCK_TOLERANCE, was_set_back},
    settings::{JITTER, KeySettings},
};

/// The fraction of the freshness lifetime after which keys are refreshed, so that newer keys are
/// installed before the lifetime ends.
const REFRESH_AHEAD: f64 = 0.8;

/// The minimum freshness lifetime. If the issuer's `max-age` is shorter, this minimum is used
/// instead, so that the issuer cannot cause a flood of requests.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(60);

/// When a key set was fetched, when it is refreshed, and when it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyLife {
    /// When the keys were requested from the issuer.
    pub(super) fetched_at: SystemTime,
    /// When a refresh is due.
    pub(super) refresh_at: SystemTime,
    /// When the keys stop being trusted.
    pub(super) expires_at: SystemTime,
}

/// Whether a key set is trusted, and whether a refresh is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    /// The keys are trusted, but a refresh is due.
    Stale,
    /// The keys are not trusted: they verify no token.
    Expired,
}

impl KeyLife {
    /// Returns the lifetime of keys that were fetched at `fetched_at`. `max_age` is the freshness
    /// lifetime in the issuer's response. `random` is in 0..1, for jitter.
    pub(super) fn new(
        settings: &KeySettings,
        fetched_at: SystemTime,
        max_age: Option<Duration>,
        random: f64,
    ) -> Self {
        let lifetime = max_age
            .unwrap_or(settings.refresh_interval)
            .max(SHORTEST_LIFETIME)
            .min(settings.refresh_interval);
        let ahead = lifetime.min(settings.max_stale).mul_f64(REFRESH_AHEAD);
        let refresh_after = ahead.mul_f64(1.0 + JITTER * (2.0 * random - 1.0));
        let after = |time| fetched_at.checked_add(time).unwrap_or(fetched_at);
        Self { fetched_at, refresh_at: after(refresh_after), expires_at: after(settings.max_stale) }
    }

    /// Returns the lifetime of static keys: for 100 years, no refresh is due and the keys do not
    /// expire.
    pub(super) fn endless(now: SystemTime) -> Self {
        let never = now.checked_add(Duration::from_secs(100 * 365 * 24 * 60 * 60)).unwrap_or(now);
        Self { fetched_at: now, refresh_at: never, expires_at: never }
    }

    /// Returns the freshness at the time `now`.
    pub(super) fn freshness(&self, now: SystemTime) -> Freshness {
        if now >= self.expires_at {
            return Freshness::Expired;
        }
        // After the clock was set back, the age of the keys is unknown.
        if was_set_back(self.fetched_at, now) || now >= self.refresh_at {
            Freshness::Stale
        } else {
            Freshness::Fresh
        }
    }

    /// Returns the period in which the freshness is [`Freshness::Fresh`].
    pub(super) fn fresh_period(&self) -> Range<SystemTime> {
        let start = self.fetched_at.checked_sub(CLOCK_TOLERANCE).unwrap_or(self.fetched_at);
        start..self.refresh_at.min(self.expires_at)
    }

    /// Returns the duration since the keys were fetched. Returns zero if the clock was set back to
    /// a time before the fetch.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.fetched_at).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
