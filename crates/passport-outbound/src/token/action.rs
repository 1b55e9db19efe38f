//! The decision table of a call: maps the phase of the cached token and the activity of its
//! entry to an action. Pure.

use super::schedule::Phase;

/// Whether a token fetch for an entry is running, or backed off after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// No token fetch is running, and no backoff is active.
    Idle,
    /// A token fetch is running.
    Running,
    /// The last token fetch failed, and a retry follows within a second. Calls without a valid
    /// token wait for the retry.
    Retrying,
    /// The last token fetch failed, and none starts until the backoff is over. Calls without a
    /// valid token fail immediately.
    BackingOff,
}

/// What a call does to get a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAction {
    /// Sends the cached token.
    Send,
    /// Sends the cached token, and starts a token fetch in the background to replace it.
    SendAndRefresh,
    /// Waits for the running token fetch, or for the retry after a failed one. Starts a fetch if
    /// none is running.
    Fetch,
    /// Fails with the error of the last token fetch.
    ReturnError,
}

/// Returns the action of a call. `phase` is that of the cached token. `None`, no cached token,
/// has the same effect as an expired token.
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
