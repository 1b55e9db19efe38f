//! How long a key set is fresh and trusted. Pure.

use std::time::{Duration, SystemTime};

use super::{
    clock_set_back::was_set_back,
    settings::{JITTER, KeySettings},
};

/// The part of the lifetime after which keys are refreshed, so that no request meets its end.
const REFRESH_AHEAD: f64 = 0.8;

/// The shortest lifetime that the issuer can set, so that it cannot cause a flood of requests.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(60);

/// The life of a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyLife {
    pub(super) fetched_at: SystemTime,
    /// When new keys are due.
    pub(super) due_at: SystemTime,
    /// When the keys are not trusted any more.
    pub(super) expires_at: SystemTime,
}

/// Whether keys may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    /// They may be used, but new ones are due.
    Due,
    /// They are not trusted any more.
    Expired,
}

impl KeyLife {
    /// Returns the life of keys that were fetched at `fetched_at`. `max_age` is the lifetime that
    /// the issuer's response states; `random` is in 0..1.
    pub(super) fn new(
        settings: &KeySettings,
        fetched_at: SystemTime,
        max_age: Option<Duration>,
        random: f64,
    ) -> Self {
        let lifetime = max_age.unwrap_or(settings.lifetime).max(SHORTEST_LIFETIME).min(settings.lifetime);
        let ahead = lifetime.min(settings.max_age).mul_f64(REFRESH_AHEAD);
        let due_in = ahead.mul_f64(1.0 + JITTER * (2.0 * random - 1.0));
        let after = |time| fetched_at.checked_add(time).unwrap_or(fetched_at);
        Self { fetched_at, due_at: after(due_in), expires_at: after(settings.max_age) }
    }

    /// Returns the life of static keys: a hundred years.
    pub(super) fn endless(now: SystemTime) -> Self {
        let never = now.checked_add(Duration::from_secs(100 * 365 * 24 * 60 * 60)).unwrap_or(now);
        Self { fetched_at: now, due_at: never, expires_at: never }
    }

    pub(super) fn freshness(&self, now: SystemTime) -> Freshness {
        if now >= self.expires_at {
            return Freshness::Expired;
        }
        // A clock that was set back does not tell how old the keys are.
        if was_set_back(self.fetched_at, now) || now >= self.due_at {
            Freshness::Due
        } else {
            Freshness::Fresh
        }
    }

    pub(super) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.fetched_at).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
