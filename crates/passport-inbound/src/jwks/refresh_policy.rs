//! Decides when keys are refreshed. Pure: the time and random numbers are arguments.
//!
//! | State | A token with a known key | The next refresh begins |
//! |---|---|---|
//! | no keys, expired | waits for a refresh; 503 in a pause | immediately |
//! | fresh | is verified without waiting | after 80 % of the lifetime, with jitter |
//! | stale | is verified without waiting | immediately |
//!
//! In the states fresh and stale, a token with an unknown key also causes a refresh. Each
//! refresh starts a pause, during which no other refresh begins:
//!
//! - From the beginning of the refresh, the pause is as long as the cooldown, or as the maximum
//!   duration of a refresh if that is longer.
//! - If the refresh fails, a backoff replaces the pause. With trusted keys, the backoff is the
//!   cooldown, with jitter. Without trusted keys, the backoff is up to 1 s, and doubles with
//!   each failure up to the cooldown.
//! - If the refresh succeeds, the pause ends. The cooldown of the [`NegativeCache`] starts,
//!   counted from the beginning of the refresh. During the cooldown, scheduled refreshes can
//!   begin, but an unknown key or an invalid signature causes none.
//!
//! The first fetch, and a fetch after the keys have expired, do not start the [`NegativeCache`].
//! Otherwise an instance that starts just before a key rotation would reject valid tokens.

use std::time::{Duration, SystemTime};

use passport_core::Backoff;

use super::{
    clock_set_back::TimeWindow,
    key_life::{Freshness, KeyLife},
    negative_cache::NegativeCache,
    settings::{JITTER, KeySettings},
};

/// The backoff after the first failure without trusted keys. The backoff doubles with each
/// further failure, up to the cooldown.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// The cause of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshCause {
    /// There are no keys, or a refresh is due.
    Schedule,
    /// No installed key verifies a token: the token was signed with a new key, or is forged.
    UnknownKey,
}

/// The time until a refresh is allowed to begin, and whether the installed keys are the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshPause {
    pub(crate) remaining: Duration,
    /// Whether the issuer's latest keys are known: the last refresh succeeded and none is running.
    /// Only then is an unknown key or an invalid signature a reason to reject the token.
    pub(crate) is_current: bool,
}

impl RefreshPause {
    /// Returns a pause of 1 s. This pause is used in three cases in which the policy does not set a
    /// pause:
    /// - A refresh is running.
    /// - The keys are static.
    /// - There is no tokio runtime, so no refresh can begin.
    pub(super) fn without_attempt(is_current: bool) -> Self {
        Self { remaining: Duration::from_secs(1), is_current }
    }
}

/// The state that decides when the next refresh is allowed to begin.
#[derive(Debug)]
pub(super) struct KeyRefreshPolicy {
    settings: KeySettings,
    /// The lifetime of the installed keys.
    life: Option<KeyLife>,
    /// The period in which no refresh begins.
    pause: Option<TimeWindow>,
    negative_cache: NegativeCache,
    /// The number of consecutive failures.
    failures: u32,
    /// Whether the last refresh has fetched keys from the issuer. If false, the issuer can have
    /// newer keys.
    is_current: bool,
}

impl KeyRefreshPolicy {
    pub(super) fn new(settings: KeySettings) -> Self {
        let negative_cache = NegativeCache::default();
        Self { settings, life: None, pause: None, negative_cache, failures: 0, is_current: false }
    }

    /// Returns the duration until a refresh with this cause is allowed to begin. Returns zero if
    /// the refresh can begin now.
    pub(super) fn remaining_pause(&self, cause: RefreshCause, now: SystemTime) -> Duration {
        let pause = self.pause.map_or(Duration::ZERO, |pause| pause.remaining(now));
        match cause {
            RefreshCause::Schedule => pause,
            RefreshCause::UnknownKey => pause.max(self.negative_cache.remaining(now)),
        }
    }

    /// Returns the pause until a refresh with this cause is allowed to begin, and whether the
    /// installed keys are the latest.
    pub(super) fn pause(&self, cause: RefreshCause, now: SystemTime) -> RefreshPause {
        RefreshPause { remaining: self.remaining_pause(cause, now), is_current: self.is_current }
    }

    /// Records that a refresh begins. The pause for other refreshes starts at the same time, so
    /// that there is a pause even if this refresh never ends.
    pub(super) fn begin(&mut self, now: SystemTime) {
        self.pause = TimeWindow::new(now, self.settings.cooldown.max(self.settings.longest_attempt()));
    }

    /// Records that the issuer has sent keys, or has confirmed the installed keys. Ends the pause.
    /// Starts the cooldown for unknown keys if the previous keys were trusted.
    pub(super) fn fetched(&mut self, life: KeyLife, now: SystemTime) {
        let began = self.pause.take().map_or(now, |pause| pause.since);
        if self.has_trusted_keys(now) {
            self.negative_cache.start(began, self.settings.cooldown);
        }
        self.life = Some(life);
        self.failures = 0;
        self.is_current = true;
    }

    /// Records that keys were loaded from the cache file, and ends the pause. The issuer can have
    /// newer keys.
    pub(super) fn loaded(&mut self, life: KeyLife) {
        self.pause = None;
        self.life = Some(life);
        self.failures = 0;
        self.is_current = false;
    }

    /// Records that the refresh was dropped with its runtime. Without trusted keys, the next
    /// refresh can begin immediately. With trusted keys, the next refresh can begin after 1 s, so
    /// that a flood of forged tokens does not start one refresh for each token.
    pub(super) fn dropped(&mut self, now: SystemTime) {
        self.is_current = false;
        self.pause = if self.has_trusted_keys(now) { TimeWindow::new(now, FIRST_BACKOFF) } else { None };
    }

    /// Records that the refresh has failed, and starts the backoff. `random` is in 0..1, for
    /// jitter. Without trusted keys, the backoff is longest if `random` is 0. With trusted keys,
    /// the backoff is shortest if `random` is 0.
    pub(super) fn failed(&mut self, now: SystemTime, random: f64) {
        let cooldown = self.settings.cooldown;
        // Without trusted keys no token is accepted, so the next refresh begins soon.
        let pause = if self.has_trusted_keys(now) {
            cooldown.mul_f64(1.0 + JITTER * random)
        } else {
            Backoff::new(FIRST_BACKOFF, cooldown).delay(self.failures, 1.0 - random)
        };
        self.failures = self.failures.saturating_add(1);
        self.is_current = false;
        self.pause = TimeWindow::new(now, pause);
    }

    /// Returns whether there are keys that have not expired.
    fn has_trusted_keys(&self, now: SystemTime) -> bool {
        self.life.is_some_and(|life| life.freshness(now) != Freshness::Expired)
    }

    /// Returns the number of consecutive failed refreshes.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns when the next scheduled refresh begins: as soon as the keys are no longer fresh and
    /// the pause has ended.
    pub(super) fn next_refresh(&self, now: SystemTime) -> SystemTime {
        let due = match self.life {
            Some(life) if life.freshness(now) == Freshness::Fresh => life.refresh_at,
            _ => now,
        };
        now.checked_add(self.remaining_pause(RefreshCause::Schedule, now))
            .map_or(due, |after_pause| due.max(after_pause))
    }
}

#[cfg(test)]
mod tests;
