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

/// The step of a coarse wall clock, by which a pause ends. A caller that slept for less would find
/// more often than needed that the pause is not over.
const CLOCK_TICK: Duration = Duration::from_millis(4);

/// The state of an entry at one moment. Readers share it without a lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntryState {
    pub(crate) cached: Option<Arc<CachedToken>>,
    /// The time within which the running attempt has to report.
    pub(super) running: Option<AttemptWindow>,
    /// The time within which no attempt is made.
    pub(super) pausing: Option<AttemptWindow>,
    /// The error of the last attempt, until one succeeds.
    pub(crate) last_error: Option<TokenError>,
}

impl EntryState {
    /// Returns what a caller does at `now`.
    pub(crate) fn action(&self, now: SystemTime) -> TokenAction {
        match self.cached.as_ref().map(|cached| cached.schedule.phase(now)) {
            // The usual case, in which the activity does not matter.
            Some(Phase::Fresh) => TokenAction::Send,
            phase => action(phase, self.activity(now)),
        }
    }

    /// Returns the activity at `now`.
    pub(crate) fn activity(&self, now: SystemTime) -> Activity {
        let covers = |pause: Option<AttemptWindow>| pause.is_some_and(|pause| pause.covers(now));
        match (covers(self.running), covers(self.pausing)) {
            (true, _) => Activity::Running,
            (false, true) if self.pausing.is_some_and(|pause| pause.waited_for) => Activity::Retrying,
            (false, true) => Activity::Pausing,
            (false, false) => Activity::Idle,
        }
    }

    /// Returns how soon a caller whose attempt has failed may get another result, if it is to wait
    /// for that.
    pub(crate) fn retry_in(&self, now: SystemTime) -> Option<Duration> {
        // The caller may see the failure when another attempt has succeeded or is running already.
        if self.last_error.is_none() || self.activity(now) == Activity::Running {
            return Some(Duration::ZERO);
        }
        let pause = self.pausing.filter(|pause| pause.waited_for)?;
        let left = pause.until.duration_since(now).unwrap_or_default();
        Some(if left.is_zero() { left } else { left.max(CLOCK_TICK) })
    }

    /// Returns when the pause ends, if there is one.
    pub(crate) fn paused_until(&self, now: SystemTime) -> Option<SystemTime> {
        self.pausing.filter(|pause| pause.covers(now)).map(|pause| pause.until)
    }
}

#[cfg(test)]
#[path = "cache_entry_state/tests.rs"]
mod tests;
