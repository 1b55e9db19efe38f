//! Detects responses that reject the token that was sent, also by the trailers of a gRPC
//! response.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{
    allowed_origins::MatchedOrigin, destination::Destination, policy::AttachPolicy,
    token_rejection::is_unauthenticated,
};
use crate::token::Credential;

/// Identifies the token that was sent with a request, and the origin that received it. If a
/// response rejects the token, exactly this token is replaced.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "a sealed trait takes it")]
pub struct ResponseWatch {
    pub(super) policy: Arc<AttachPolicy>,
    /// The generation of the token: the number of the token fetch that returned it.
    pub(super) generation: u64,
    pub(super) origin: MatchedOrigin,
    /// Whether the request is a gRPC call.
    pub(super) is_grpc: bool,
}

impl ResponseWatch {
    /// Returns whether a response can be a rejection of the token. If so, it has to be examined.
    /// This check is fast, because it runs for every response.
    #[inline]
    pub(super) fn may_be_rejected_by(&self, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED || self.is_grpc
    }

    /// Returns whether the server that responded received the token. A client that follows a
    /// redirect to another origin removes the token. `responder` is the URL that responded, after
    /// redirects. If the client does not report that URL, `responder` is `None`, and the result is
    /// true.
    pub(super) fn token_was_sent_to(&self, responder: Option<Destination<'_>>) -> bool {
        let is_same =
            |responder| self.policy.origins.check(&responder).is_ok_and(|origin| origin == self.origin);
        responder.is_none_or(is_same)
    }

    /// Replaces the token, because the receiver rejected it. Returns the result of a lookup of a
    /// newer token, for a retry. Returns `None` if the token is not replaced:
    ///
    /// - The token is too young to be replaced.
    /// - The identity caches no tokens.
    /// - The identity was shut down.
    /// - There is no tokio runtime.
    pub(super) fn replace_token(&self) -> Option<Credential> {
        self.policy.identity.managed()?.replace_rejected(self.generation)
    }
}

pin_project! {
    /// The body of a response to a request with a token. Forwards the frames of the inner body
    /// unchanged.
    ///
    /// If the trailers contain the gRPC status `UNAUTHENTICATED`, the identity replaces the token
    /// that was sent.
    pub struct WatchedBody<B> {
        #[pin]
        inner: B,
        watch: Option<ResponseWatch>,
    }
}

impl<B> WatchedBody<B> {
    pub(super) fn new(inner: B, watch: Option<ResponseWatch>) -> Self {
        Self { inner, watch }
    }

    /// Returns the inner body. The trailers of the returned body are not examined.
    pub fn into_inner(self) -> B {
        self.inner
    }
}

impl<B: Body> Body for WatchedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        let trailers = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::trailers_ref);
        if trailers.is_some_and(is_unauthenticated)
            && let Some(watch) = this.watch.take()
        {
            // A retry is not possible, because the response was already returned. The next request
            // uses a new token.
            drop(watch.replace_token());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: fmt::Debug> fmt::Debug for WatchedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<B: Default> Default for WatchedBody<B> {
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}
