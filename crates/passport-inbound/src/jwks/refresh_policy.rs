//! Decides when keys are fetched. Pure: the time, and chance, are arguments.
//!
//! | state | what callers get | what ends it |
//! |---|---|---|
//! | no keys | they wait for the attempt, or 503 in the pause after one | keys; after a failure the next attempt in 1 s, doubling to the cooldown |
//! | fresh | a verdict at once | four fifths of the lifetime (jitter included), or an unknown key |
//! | due | a verdict at once | keys, or the same keys confirmed; after a failure the next attempt after the cooldown (jitter included) |
//! | expired | as with no keys | keys |
//!
//! No attempt begins in the pause that the last one has left, whatever its cause: an attempt claims
//! the cooldown when it begins, or the longest time that it may take, and one that fails leaves a
//! pause. One that succeeds starts the [`NegativeCache`], counted from its beginning: until that
//! ends, no unknown key and no invalid signature causes a request, while the schedule goes on. A
//! fetch of the first keys, or after all had expired, does not start it: otherwise an instance that
//! starts just before a rotation would reject good tokens.

use std::time::{Duration, SystemTime};

use passport_core::Backoff;

use super::{
    clock_set_back::TimeWindow,
    key_life::{Freshness, KeyLife},
    negative_cache::NegativeCache,
    settings::{JITTER, KeySettings},
};

/// The first pause after a failure while there are no keys at all; it doubles up to the cooldown.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// Why keys are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshCause {
    /// There are none, or they are due.
    Schedule,
    /// No key verifies a token: its key is new, or its signature is forged.
    UnknownKey,
}

/// The time until the next attempt may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshPause {
    pub(crate) left: Duration,
    /// Whether the issuer's latest keys are known: the last attempt succeeded and no other one is
    /// running. Only then is an unknown key or an invalid signature the fault of the caller.
    pub(crate) is_current: bool,
}

impl RefreshPause {
    /// The pause while keys are being fetched, or cannot be fetched at all.
    pub(super) fn without_attempt(is_current: bool) -> Self {
        Self { left: Duration::from_secs(1), is_current }
    }
}

/// The state of the past attempts, which decides when the next may begin.
#[derive(Debug)]
pub(super) struct KeyRefreshPolicy {
    settings: KeySettings,
    /// Of the keys that are installed.
    life: Option<KeyLife>,
    /// When no attempt begins.
    pause: Option<TimeWindow>,
    negative_cache: NegativeCache,
    /// In a row.
    failures: u32,
    /// Whether the last attempt that ended has fetched keys from the issuer. Otherwise the issuer
    /// may have newer ones.
    is_current: bool,
}

impl KeyRefreshPolicy {
    pub(super) fn new(settings: KeySettings) -> Self {
        let negative_cache = NegativeCache::default();
        Self { settings, life: None, pause: None, negative_cache, failures: 0, is_current: false }
    }

    /// Returns the time until an attempt may begin that has this cause; zero if it may begin now.
    pub(super) fn pause_left(&self, cause: RefreshCause, now: SystemTime) -> Duration {
        let pause = self.pause.map_or(Duration::ZERO, |pause| pause.left(now));
        match cause {
            RefreshCause::Schedule => pause,
            RefreshCause::UnknownKey => pause.max(self.negative_cache.left(now)),
        }
    }

    pub(super) fn pause(&self, cause: RefreshCause, now: SystemTime) -> RefreshPause {
        RefreshPause { left: self.pause_left(cause, now), is_current: self.is_current }
    }

    /// Records that an attempt begins. The pause is claimed at once, so that it holds whatever the
    /// outcome is.
    pub(super) fn begin(&mut self, now: SystemTime) {
        self.pause = TimeWindow::new(now, self.settings.cooldown.max(self.settings.longest_attempt()));
    }

    /// Records that the issuer has returned keys, or confirmed the installed ones.
    pub(super) fn fetched(&mut self, life: KeyLife, now: SystemTime) {
        let began = self.pause.take().map_or(now, |pause| pause.since);
        if self.has_trusted_keys(now) {
            self.negative_cache.start(began, self.settings.cooldown);
        }
        self.life = Some(life);
        self.failures = 0;
        self.is_current = true;
    }

    /// Records that keys were loaded from the key file. The issuer may have newer ones.
    pub(super) fn loaded(&mut self, life: KeyLife) {
        self.pause = None;
        self.life = Some(life);
        self.failures = 0;
        self.is_current = false;
    }

    /// Records that the attempt was dropped with its runtime. The next may begin immediately while
    /// there are no keys, and in a second while there are: tokens that nothing has verified must
    /// not start one each.
    pub(super) fn dropped(&mut self, now: SystemTime) {
        self.is_current = false;
        self.pause = if self.has_trusted_keys(now) { TimeWindow::new(now, FIRST_BACKOFF) } else { None };
    }

    /// Records that the attempt has failed. `random` is in 0..1: without keys, the pause is the
    /// longest for 0.
    pub(super) fn failed(&mut self, now: SystemTime, random: f64) {
        let cooldown = self.settings.cooldown;
        // Without keys no token is accepted, so the next attempt comes soon.
        let pause = if self.has_trusted_keys(now) {
            cooldown.mul_f64(1.0 + JITTER * random)
        } else {
            Backoff::new(FIRST_BACKOFF, cooldown).pause(self.failures, 1.0 - random)
        };
        self.failures = self.failures.saturating_add(1);
        self.is_current = false;
        self.pause = TimeWindow::new(now, pause);
    }

    fn has_trusted_keys(&self, now: SystemTime) -> bool {
        self.life.is_some_and(|life| life.freshness(now) != Freshness::Expired)
    }

    /// Returns how many attempts have failed since the last success.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns when the schedule starts the next attempt.
    pub(super) fn next_attempt(&self, now: SystemTime) -> SystemTime {
        let due = match self.life {
            Some(life) if life.freshness(now) == Freshness::Fresh => life.due_at,
            _ => now,
        };
        now.checked_add(self.pause_left(RefreshCause::Schedule, now))
            .map_or(due, |after_pause| due.max(after_pause))
    }
}

#[cfg(test)]
mod tests;
