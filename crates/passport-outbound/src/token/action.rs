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
pub(crate) enum TokenAction {
    /// Sends the cached token.
    Send,
    /// Sends the cached token, and starts an attempt to replace it.
    SendAndRefresh,
    /// Waits for an attempt, or for the retry after a failed one; starts it if none is running.
    Fetch,
    /// Gets the last error.
    ReturnError,
}

/// Returns the action of a caller. A missing token is treated like one that may not be sent.
pub(crate) fn action(phase: Option<Phase>, activity: Activity) -> TokenAction {
    match (phase, activity) {
        (Some(Phase::Soft), Activity::Idle) => TokenAction::SendAndRefresh,
        (Some(Phase::Fresh | Phase::Soft), _) => TokenAction::Send,
        (Some(Phase::Hard) | None, Activity::Idle | Activity::Running | Activity::Retrying) => {
            TokenAction::Fetch
        }
        (Some(Phase::Hard) | None, Activity::Pausing) => TokenAction::ReturnError,
    }
}

#[cfg(test)]
#[path = "action/tests.rs"]
mod tests;
