use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::HeaderValue;

use crate::TokenError;

/// What an identity answers to "your token, please".
#[derive(Debug)]
pub(crate) enum Credential {
    /// Here it is. The hot path: nothing was awaited or allocated, and outside of the threshold nothing locked.
    Ready(HeaderValue),
    /// It has to be fetched first.
    Pending(PendingCredential),
}

/// A token on its way. Boxed: it exists only when a network round trip is ahead.
pub(crate) struct PendingCredential(Pin<Box<dyn Future<Output = Result<HeaderValue, TokenError>> + Send>>);

impl PendingCredential {
    pub(crate) fn new(wait: impl Future<Output = Result<HeaderValue, TokenError>> + Send + 'static) -> Self {
        Self(Box::pin(wait))
    }
}

impl Future for PendingCredential {
    type Output = Result<HeaderValue, TokenError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for PendingCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingCredential").finish_non_exhaustive()
    }
}
