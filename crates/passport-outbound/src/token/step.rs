//! What a caller does, by the phase of the cached token and the activity of its entry. Pure.

use super::schedule::Phase;

/// The state of the attempts of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// No attempt is running, and one may start.
    Idle,
    /// An attempt is running.
    Running,
    /// An attempt has failed, and a retry follows within a second.
    Retrying,
    /// The last attempt has failed, and no other is made during the pause.
    Pausing,
}

/// What a caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sends the cached token.
    Send,
    /// Sends the cached token, and starts an attempt to replace it.
    SendAndRefresh,
    /// Waits for an attempt, or for the retry after a failed one; starts it if none is running.
    Fetch,
    /// Gets the last error.
    Refuse,
}

/// Returns the step of a caller. A missing token is treated like one that may not be sent.
pub(crate) fn step(phase: Option<Phase>, activity: Activity) -> Step {
    match (phase, activity) {
        (Some(Phase::Soft), Activity::Idle) => Step::SendAndRefresh,
        (Some(Phase::Fresh | Phase::Soft), _) => Step::Send,
        (Some(Phase::Hard) | None, Activity::Idle | Activity::Running | Activity::Retrying) => Step::Fetch,
        (Some(Phase::Hard) | None, Activity::Pausing) => Step::Refuse,
    }
}

#[cfg(test)]
#[path = "step/tests.rs"]
mod tests;
