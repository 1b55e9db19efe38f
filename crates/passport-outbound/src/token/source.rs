//! The trait of token sources, and the types of its call.

use std::{
    pin::Pin,
    time::{Duration, SystemTime},
};

use passport_core::AccessToken;
use tokio::time::Instant;

use super::fetch_failure::FetchFailure;

/// Fetches tokens: from Passport, from a shared store, or from a sidecar.
///
/// Each call runs in its own task. An entry has one call at a time, unless an earlier one has
/// stalled or its result will be discarded.
pub(crate) trait TokenSource: Send + Sync + 'static {
    /// Fetches a token.
    fn fetch(&self, request: FetchRequest) -> FetchFuture<'_>;
}

pub(crate) type FetchFuture<'a> =
    Pin<Box<dyn Future<Output = Result<FetchedToken, SourceError>> + Send + 'a>>;

/// The reason for which a source returned no token.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// The fetch failed, which starts the backoff.
    Failed(FetchFailure),
    /// Another instance is fetching, and the current token is valid. Not a failure: the next call
    /// may try again.
    Postponed,
}

impl From<FetchFailure> for SourceError {
    fn from(failure: FetchFailure) -> Self {
        Self::Failed(failure)
    }
}

/// The parameters of a fetch.
#[derive(Clone, Debug, Default)]
pub(crate) struct FetchRequest {
    /// The cached token, which the new one replaces.
    pub(crate) current: Option<AccessToken>,
    /// Until when the current token may be sent. No caller waits for the fetch before that.
    pub(crate) current_valid_until: Option<Instant>,
    /// A rejected or invalidated token, which must not be returned.
    pub(crate) excluded: Option<AccessToken>,
}

impl FetchRequest {
    /// Returns whether the current token is valid, so that no caller waits.
    pub(crate) fn is_live(&self) -> bool {
        self.current_valid_until.is_some_and(|until| Instant::now() < until)
    }
}

/// A token that a source returned.
pub(crate) struct FetchedToken {
    pub(crate) token: AccessToken,
    /// The start of its lifetime, by the wall clock. It is the time before the request, so that a
    /// slow response does not extend the lifetime.
    pub(crate) issued_at: SystemTime,
    pub(crate) lifetime: Duration,
    /// The requested scopes that Passport did not grant.
    pub(crate) missing_scopes: Vec<String>,
}
