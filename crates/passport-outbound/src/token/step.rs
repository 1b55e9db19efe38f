//! When a token is refreshed, when it is no longer sent, and when Passport is left alone. Pure: everything takes the
//! time as an argument.

use super::schedule::Phase;

/// What is going on beside the kept token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Nothing: an attempt may start.
    Idle,
    /// An attempt is on its way.
    Running,
    /// An attempt has failed, and a retry follows within a second.
    Retrying,
    /// The last attempt brought nothing, and it is too soon for another.
    Pausing,
}

/// What a caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sends the kept token.
    Send,
    /// Sends the kept token, and starts an attempt to replace it.
    SendAndRefresh,
    /// Waits for an attempt, or for the retry after a failed one; starts it if none is running.
    Fetch,
    /// Gets the last error.
    Refuse,
}

/// The whole policy in one table. No token counts as one that may not be sent.
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
