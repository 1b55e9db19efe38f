use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::HeaderValue;

use super::{CachedToken, TokenError};

/// A header value to send, and which of the identity's tokens is in it.
#[derive(Debug)]
pub(crate) struct SendableToken {
    pub(crate) authorization: HeaderValue,
    pub(crate) generation: u64,
}

impl From<&CachedToken> for SendableToken {
    fn from(cached: &CachedToken) -> Self {
        Self { authorization: cached.token.authorization().clone(), generation: cached.generation }
    }
}

/// What an identity answers to "your token, please".
#[derive(Debug)]
pub(crate) enum Credential {
    /// Here it is. The hot path: nothing was awaited, allocated or locked.
    Ready(SendableToken),
    /// It has to be fetched first.
    Pending(PendingCredential),
    /// There is none, and it is too soon to ask for one.
    Failed(TokenError),
}

/// A token on its way. Boxed: it exists only when a network round trip is ahead.
pub(crate) struct PendingCredential(Pin<Box<dyn Future<Output = Result<SendableToken, TokenError>> + Send>>);

impl PendingCredential {
    pub(crate) fn new(
        wait: impl Future<Output = Result<SendableToken, TokenError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(wait))
    }
}

impl Future for PendingCredential {
    type Output = Result<SendableToken, TokenError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for PendingCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingCredential").finish_non_exhaustive()
    }
}
