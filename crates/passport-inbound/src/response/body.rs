//! A response body for services whose own body type cannot hold the body of a rejection.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

use super::rejection_body::RejectionBody;

pin_project! {
    /// A response body that wraps a body of any type, or holds the body of a rejection.
    ///
    /// A service needs it only if its own body type does not implement [`RejectionBody`]. Wrap the
    /// body inside the layers of this crate:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Empty;
    /// use passport_inbound::{AuthenticateLayer, ResponseBody, TokenVerifier};
    /// use tower::ServiceBuilder;
    ///
    /// async fn handler(_: Request<()>) -> Result<Response<Empty<Bytes>>, std::io::Error> {
    ///     Ok(Response::new(Empty::new()))
    /// }
    ///
    /// # fn example(verifier: TokenVerifier) {
    /// let service = ServiceBuilder::new()
    ///     .layer(AuthenticateLayer::new(verifier))
    ///     .map_response(|response: Response<_>| response.map(ResponseBody::new))
    ///     .service_fn(handler);
    /// # let _ = tower::ServiceExt::oneshot(service, Request::new(()));
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: BodyKind<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = BodyProjection]
    enum BodyKind<B> {
        Inner { #[pin] body: B },
        Rejection { #[pin] body: Full<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    /// Wraps a body.
    pub fn new(body: B) -> Self {
        Self { kind: BodyKind::Inner { body } }
    }
}

impl<B> RejectionBody for ResponseBody<B> {
    fn from_rejection(content: Bytes) -> Self {
        Self { kind: BodyKind::Rejection { body: Full::new(content) } }
    }
}

/// Creates the default body of the inner service. Some layers of tower-http require `Default`.
impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::new(B::default())
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.project().kind.project() {
            BodyProjection::Inner { body } => body.poll_frame(cx),
            BodyProjection::Rejection { body } => {
                body.poll_frame(cx).map_err(|infallible| match infallible {})
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            BodyKind::Inner { body } => body.is_end_stream(),
            BodyKind::Rejection { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            BodyKind::Inner { body } => body.size_hint(),
            BodyKind::Rejection { body } => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests;
