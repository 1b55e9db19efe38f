//! The trait of token sources, and the parameters and results of a fetch.

use std::{
    pin::Pin,
    time::{Duration, SystemTime},
};

use passport_core::AccessToken;
use tokio::time::Instant;

use super::fetch_failure::FetchFailure;

/// A source of tokens: Passport, a shared store, or a sidecar.
///
/// Each fetch runs in its own task. For one entry, one fetch runs at a time. A second fetch can
/// start in two cases:
/// - The runtime of the first fetch has stalled.
/// - The token was invalidated, so that the result of the first fetch will be discarded.
pub(crate) trait TokenSource: Send + Sync + 'static {
    /// Fetches a token.
    fn fetch(&self, request: FetchRequest) -> FetchFuture<'_>;
}

/// The future of [`TokenSource::fetch`].
pub(crate) type FetchFuture<'a> =
    Pin<Box<dyn Future<Output = Result<FetchedToken, SourceError>> + Send + 'a>>;

/// The reason why a source returned no token.
#[derive(Debug)]
pub(crate) enum SourceError {
    /// The fetch failed. The entry starts a backoff, and calls without a valid token get this
    /// error.
    Failed(FetchFailure),
    /// Another instance of the service is fetching a new token, and the current token is still
    /// valid. This is not a failure: no backoff starts, and the next call can start a fetch.
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
    /// The cached token, which can have expired. `None` if no token is cached. A fetch that returns
    /// this token again fails with [`Unchanged`](super::TokenErrorKind::Unchanged).
    pub(crate) current: Option<AccessToken>,
    /// The time until which the current token is valid. Until then, no caller waits for the fetch.
    /// `None` without a valid token.
    pub(crate) current_valid_until: Option<Instant>,
    /// A token that a receiver rejected, or that was invalidated. `None` if there is no such token.
    /// A fetch that returns this token again fails with
    /// [`Unchanged`](super::TokenErrorKind::Unchanged).
    pub(crate) excluded: Option<AccessToken>,
}

impl FetchRequest {
    /// Returns whether the current token is still valid. If so, the fetch is a background refresh,
    /// for which no caller waits.
    pub(crate) fn has_valid_token(&self) -> bool {
        self.current_valid_until.is_some_and(|until| Instant::now() < until)
    }
}

/// A token that a source returned, and its lifetime.
pub(crate) struct FetchedToken {
    pub(crate) token: AccessToken,
    /// The start of the token's lifetime, by the wall clock. Token sources set `issued_at` to the
    /// time before the token request, so that a slow response does not extend the lifetime.
    pub(crate) issued_at: SystemTime,
    /// The time from `issued_at` to the expiry.
    pub(crate) lifetime: Duration,
    /// The requested scopes that Passport did not grant.
    pub(crate) missing_scopes: Vec<String>,
}
