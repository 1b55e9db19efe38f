//! The snapshot of an entry, from which callers read the token and their action. Pure.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    action::{Activity, TokenAction, action},
    cached_token::CachedToken,
    error::TokenError,
    retry_backoff::AttemptWindow,
    schedule::Phase,
};

/// The resolution of a coarse wall clock, which decides when a backoff ends. A caller that
/// sleeps for less may wake before the end and would have to sleep again.
const CLOCK_TICK: Duration = Duration::from_millis(4);

/// The state of an entry at one moment. Readers share it without a lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryState {
    pub(crate) cached: Option<Arc<CachedToken>>,
    /// The time limit of the running attempt.
    pub(super) running: Option<AttemptWindow>,
    /// The backoff after a failed attempt, in which none starts.
    pub(super) backoff: Option<AttemptWindow>,
    /// The error of the last attempt. `None` after a success.
    pub(crate) last_error: Option<TokenError>,
}

impl EntryState {
    /// Returns the action of a caller at `now`.
    pub(crate) fn action(&self, now: SystemTime) -> TokenAction {
        match self.cached.as_ref().map(|cached| cached.schedule.phase(now)) {
            // The hot path: the activity does not matter.
            Some(Phase::Fresh) => TokenAction::Send,
            phase => action(phase, self.activity(now)),
        }
    }

    /// Returns the state of the attempts at `now`.
    pub(crate) fn activity(&self, now: SystemTime) -> Activity {
        let covers = |window: Option<AttemptWindow>| window.is_some_and(|window| window.covers(now));
        match (covers(self.running), covers(self.backoff)) {
            (true, _) => Activity::Running,
            (false, true) if self.backoff.is_some_and(|backoff| backoff.callers_wait) => Activity::Retrying,
            (false, true) => Activity::BackingOff,
            (false, false) => Activity::Idle,
        }
    }

    /// Returns how long a caller waits for a retry after a failed attempt. `None` if it returns
    /// the error instead.
    pub(crate) fn retry_in(&self, now: SystemTime) -> Option<Duration> {
        // The caller may be polled late, when another attempt has succeeded or is running.
        if self.last_error.is_none() || self.activity(now) == Activity::Running {
            return Some(Duration::ZERO);
        }
        let backoff = self.backoff.filter(|backoff| backoff.callers_wait)?;
        let left = backoff.until.duration_since(now).unwrap_or_default();
        Some(if left.is_zero() { left } else { left.max(CLOCK_TICK) })
    }

    /// Returns when the backoff ends, or `None` without one.
    pub(crate) fn paused_until(&self, now: SystemTime) -> Option<SystemTime> {
        self.backoff.filter(|backoff| backoff.covers(now)).map(|backoff| backoff.until)
    }
}

#[cfg(test)]
#[path = "cache_entry_state/tests.rs"]
mod tests;
