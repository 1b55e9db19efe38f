use std::{
    pin::Pin,
    time::{Duration, SystemTime},
};

use passport_core::AccessToken;
use tokio::time::Instant;

use super::fetch_failure::FetchFailure;

/// Fetches tokens. Called in a task of its own. An entry has one call running, unless the task of
/// an earlier one has stalled or its result is no longer wanted.
pub(crate) trait TokenSource: Send + Sync + 'static {
    fn fetch(&self, request: FetchRequest) -> FetchFuture<'_>;
}

pub(crate) type FetchFuture<'a> =
    Pin<Box<dyn Future<Output = Result<FetchedToken, SourceError>> + Send + 'a>>;

/// The reason why a source returned no token.
#[derive(Debug)]
pub(crate) enum SourceError {
    Failed(FetchFailure),
    /// Another instance fetches, and the current token is live. The next call may try again.
    Postponed,
}

impl From<FetchFailure> for SourceError {
    fn from(failure: FetchFailure) -> Self {
        Self::Failed(failure)
    }
}

/// What a source has to know of the token that it is to fetch.
#[derive(Clone, Debug, Default)]
pub(crate) struct FetchRequest {
    /// The cached token, which the new one replaces.
    pub(crate) current: Option<AccessToken>,
    /// The end of the time in which the current token may be sent, so that no caller waits.
    pub(crate) current_valid_until: Option<Instant>,
    /// A token that must not be returned: a receiver rejected it, or it was invalidated.
    pub(crate) excluded: Option<AccessToken>,
}

impl FetchRequest {
    /// Returns whether the current token may still be sent.
    pub(crate) fn is_live(&self) -> bool {
        self.current_valid_until.is_some_and(|until| Instant::now() < until)
    }
}

/// A token as a source returned it.
pub(crate) struct FetchedToken {
    pub(crate) token: AccessToken,
    /// The begin of its lifetime by the wall clock: before the request, so that a slow response
    /// does not prolong it.
    pub(crate) issued_at: SystemTime,
    pub(crate) lifetime: Duration,
    /// The scopes that were requested and not granted.
    pub(crate) missing_scopes: Vec<String>,
}
