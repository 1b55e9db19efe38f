//! Decides what a call does to get a token. The decision depends on the phase of the cached
//! token and on the activity of the token's entry. Pure.

use super::schedule::Phase;

/// The activity of an entry: whether a token fetch is running, or a backoff after a failed fetch
/// is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// No token fetch is running, and no backoff is active.
    Idle,
    /// A token fetch is running.
    Running,
    /// The last token fetch failed, and a retry follows within a second. Calls without a valid
    /// token wait for the retry.
    Retrying,
    /// The last token fetch failed, and no fetch starts until the backoff is over. Calls without a
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
    /// Waits for a token fetch:
    /// - the running fetch;
    /// - the retry after a failed fetch;
    /// - otherwise a new fetch, which the call starts.
    Fetch,
    /// Fails with the error of the last token fetch.
    ReturnError,
}

/// Returns what a call does. `phase` is the phase of the cached token. It is `None` if no token
/// is cached, which has the same effect as an expired token.
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
