use std::{
    fmt,
    future::Future,
    pin::Pin,
    time::{Duration, SystemTime},
};

use passport_core::AccessToken;
use tokio::time::Instant;

use super::Failure;

/// Where tokens come from. Called in a task of its own, never twice at a time for a slot that keeps tokens.
pub(crate) trait TokenSource: fmt::Debug + Send + Sync + 'static {
    fn fetch(&self, request: FetchRequest) -> FetchFuture<'_>;
}

pub(crate) type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<FetchedToken, FetchError>> + Send + 'a>>;

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum FetchError {
    /// It could not be had.
    Failed(Failure),
    /// It is somebody else's turn, and there is a live token meanwhile. The next call may try again.
    Postponed,
}

impl From<Failure> for FetchError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What a source is told of the token that it is to bring.
#[derive(Clone, Debug, Default)]
pub(crate) struct FetchRequest {
    /// The token that is held meanwhile: another one is wanted.
    pub(crate) current: Option<AccessToken>,
    /// Until when that one may be sent, so that nobody waits.
    pub(crate) current_valid_until: Option<Instant>,
    /// The token that nobody should be given any more.
    pub(crate) excluded: Option<AccessToken>,
}

impl FetchRequest {
    /// Whether there is a token meanwhile.
    pub(crate) fn is_live(&self) -> bool {
        self.current_valid_until.is_some_and(|until| Instant::now() < until)
    }
}

/// A token as a source gave it.
pub(crate) struct FetchedToken {
    pub(crate) token: AccessToken,
    /// When its life began, by the wall clock: before it was asked for, so that a slow answer is not trusted for too long.
    pub(crate) issued_at: SystemTime,
    pub(crate) lifetime: Duration,
    /// What was asked for and not granted.
    pub(crate) missing_scopes: Vec<String>,
}
