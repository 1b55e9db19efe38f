//! The decision table of a caller: from the phase of the cached token and the activity of its
//! entry to an action. Pure.

use super::schedule::Phase;

/// The state of the fetch attempts of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// No attempt is running, and one may start.
    Idle,
    /// An attempt is running.
    Running,
    /// The last attempt failed, and a retry follows within a second. Callers wait for it.
    Retrying,
    /// The last attempt failed, and none starts until the backoff is over. Callers do not wait.
    BackingOff,
}

/// The action of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAction {
    /// Sends the cached token.
    Send,
    /// Sends the cached token, and starts an attempt to replace it in the background.
    SendAndRefresh,
    /// Waits for an attempt, or for the retry after a failed one; starts it if none is running.
    Fetch,
    /// Returns the last error.
    ReturnError,
}

/// Returns the action of a caller. A missing token (`None`) is treated like an expired one.
pub(crate) fn action(phase: Option<Phase>, activity: Activity) -> TokenAction {
    match (phase, activity) {
        (Some(Phase::Soft), Activity::Idle) => TokenAction::SendAndRefresh,
        (Some(Phase::Fresh | Phase::Soft), _) => TokenAction::Send,
        (Some(Phase::Hard) | None, Activity::Idle | Activity::Running | Activity::Retrying) => {
            TokenAction::Fetch
        }
        (Some(Phase::Hard) | None, Activity::BackingOff) => TokenAction::ReturnError,
    }
}

#[cfg(test)]
#[path = "action/tests.rs"]
mod tests;
