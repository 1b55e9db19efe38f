//! The snapshot of a token entry, which determines what a call does: send the cached token,
//! fetch one, or fail. Pure.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    action::{Activity, TokenAction, action},
    cached_token::CachedToken,
    error::TokenError,
    retry_backoff::AttemptWindow,
};

/// The minimum time that a caller sleeps until the end of a backoff. It is the resolution of a
/// coarse wall clock: after a shorter sleep, the clock can still show a time before the end of
/// the backoff, and the caller would have to sleep again.
const CLOCK_TICK: Duration = Duration::from_millis(4);

/// The state of an entry at one moment. Readers share the state without a lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryState {
    pub(crate) cached: Option<Arc<CachedToken>>,
    /// The time limit of the running token fetch. `None` if no fetch is running.
    pub(super) running: Option<AttemptWindow>,
    /// The backoff after a failed token fetch. Until the backoff ends, no fetch starts.
    pub(super) backoff: Option<AttemptWindow>,
    /// The error of the last failed token fetch. `None` after a successful fetch, and before the
    /// first failure.
    pub(crate) last_error: Option<TokenError>,
}

impl EntryState {
    /// Returns the cached token if it is sent at the time `now` and no refresh is due. `now` is in
    /// nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn fresh_token(&self, now: u64) -> Option<&Arc<CachedToken>> {
        self.cached.as_ref().filter(|cached| cached.schedule.is_fresh(now))
    }

    /// Returns what a call at the time `now` does to get a token.
    pub(crate) fn action(&self, now: SystemTime) -> TokenAction {
        action(self.cached.as_ref().map(|cached| cached.schedule.phase(now)), self.activity(now))
    }

    /// Returns whether, at the time `now`, a token fetch is running or a backoff is active.
    pub(crate) fn activity(&self, now: SystemTime) -> Activity {
        let covers = |window: Option<AttemptWindow>| window.is_some_and(|window| window.covers(now));
        match (covers(self.running), covers(self.backoff)) {
            (true, _) => Activity::Running,
            (false, true) if self.backoff.is_some_and(|backoff| backoff.callers_wait) => Activity::Retrying,
            (false, true) => Activity::BackingOff,
            (false, false) => Activity::Idle,
        }
    }

    /// Returns how long a call waits after a failed token fetch before it retries. Zero if another
    /// fetch has succeeded or is running. `None` if the call returns the error instead.
    pub(crate) fn retry_in(&self, now: SystemTime) -> Option<Duration> {
        // If the calling task is polled late, another token fetch can have succeeded or be running.
        if self.last_error.is_none() || self.activity(now) == Activity::Running {
            return Some(Duration::ZERO);
        }
        let backoff = self.backoff.filter(|backoff| backoff.callers_wait)?;
        let left = backoff.until.duration_since(now).unwrap_or_default();
        Some(if left.is_zero() { left } else { left.max(CLOCK_TICK) })
    }

    /// Returns the end of the backoff. `None` if no backoff is active at `now`.
    pub(crate) fn paused_until(&self, now: SystemTime) -> Option<SystemTime> {
        self.backoff.filter(|backoff| backoff.covers(now)).map(|backoff| backoff.until)
    }
}

#[cfg(test)]
#[path = "cache_entry_state/tests.rs"]
mod tests;
