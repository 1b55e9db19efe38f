use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{OutboundResponse, allowed_origins::Matched, policy::Rules, unauthorized::is_unauthenticated};
use crate::token::Credential;

/// Which token went out with a request.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "it stands in a sealed trait")]
pub struct Watch {
    pub(super) rules: Arc<Rules>,
    pub(super) generation: u64,
    /// Where it went.
    pub(super) origin: Matched,
}

impl Watch {
    /// Whether the token was shown to whoever gave this response. A client that followed a redirect to another origin has
    /// taken it off on the way.
    pub(super) fn was_shown_to(&self, response: &impl OutboundResponse) -> bool {
        let shown = |origin| self.rules.origins.check(&origin).is_ok_and(|origin| origin == self.origin);
        response.answered_by().is_none_or(shown)
    }

    /// A newer token than the one that went out, if it makes sense to try one.
    pub(super) fn renewed(&self) -> Option<Credential> {
        self.rules.identity.managed()?.renewed(self.generation)
    }

    /// The token was refused too late for the request to be sent again; the next one is to have another.
    fn refused(self) {
        drop(self.renewed());
    }
}

pin_project! {
    /// The body of a response to a request with a token: the inner body, byte for byte.
    ///
    /// When a gRPC status `UNAUTHENTICATED` passes in its trailers, the identity replaces the token that was sent.
    pub struct WatchedBody<B> {
        #[pin]
        inner: B,
        watch: Option<Watch>,
    }
}

impl<B> WatchedBody<B> {
    pub(super) fn new(inner: B, watch: Option<Watch>) -> Self {
        Self { inner, watch }
    }

    /// The inner body.
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
            watch.refused();
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
