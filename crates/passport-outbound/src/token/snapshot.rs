use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    backoff::Pause,
    cached_token::CachedToken,
    error::TokenError,
    schedule::Phase,
    step::{Activity, Step, step},
};

/// The state of an entry at one moment. Readers share it without a lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) cached: Option<Arc<CachedToken>>,
    /// The time within which the running attempt has to report.
    pub(super) running: Option<Pause>,
    /// The time within which no attempt is made.
    pub(super) pausing: Option<Pause>,
    /// The error of the last attempt, until one succeeds.
    pub(crate) last_error: Option<TokenError>,
}

impl Snapshot {
    /// Returns what a caller does at `now`.
    pub(crate) fn step(&self, now: SystemTime) -> Step {
        match self.cached.as_ref().map(|cached| cached.schedule.phase(now)) {
            // The usual case, in which the activity does not matter.
            Some(Phase::Fresh) => Step::Send,
            phase => step(phase, self.activity(now)),
        }
    }

    /// Returns the activity at `now`.
    pub(crate) fn activity(&self, now: SystemTime) -> Activity {
        let covers = |pause: Option<Pause>| pause.is_some_and(|pause| pause.covers(now));
        match (covers(self.running), covers(self.pausing)) {
            (true, _) => Activity::Running,
            (false, true) if self.pausing.is_some_and(|pause| pause.is_waited_for()) => Activity::Retrying,
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
        let pause = self.pausing.filter(Pause::is_waited_for)?;
        Some(pause.until().duration_since(now).unwrap_or_default())
    }

    /// Returns when the pause ends, if there is one.
    pub(crate) fn paused_until(&self, now: SystemTime) -> Option<SystemTime> {
        self.pausing.filter(|pause| pause.covers(now)).map(|pause| pause.until())
    }
}
