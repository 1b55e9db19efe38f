//! The response body that ends when the token expires or is revoked.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use metrics::counter;
use pin_project_lite::pin_project;

use super::deadline::{Deadline, DeadlineTimer};
use crate::{
    RejectionBody,
    metrics::ENDED_STREAMS,
    response::protocol::{Protocol, WebFormat},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pin_project! {
    /// A response body that ends when the caller's token expires or is revoked.
    ///
    /// # Panics
    /// The body panics if it has to wait outside a tokio runtime with an enabled timer.
    #[derive(Debug)]
    pub struct DeadlineBody<B> {
        #[pin]
        inner: B,
        // `None` for an anonymous request and for a body of known length.
        deadline: Option<Deadline>,
        timer: DeadlineTimer,
        kind: StreamKind,
        // Whether the body was polled before. The first frame is forwarded even after the deadline.
        has_begun: bool,
        // Whether the deadline has ended the body.
        is_over: bool,
    }
}

/// The kind of a response, which decides how its body ends at the deadline.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum StreamKind {
    /// A gRPC stream. It ends with `UNAUTHENTICATED` in the trailers.
    Grpc,
    /// A grpc-web stream. It ends with `UNAUTHENTICATED` in a trailers frame of the body.
    GrpcWeb(WebFormat),
    /// Server-sent events. The body ends without an error.
    Events,
    /// Any other body. It ends with an error.
    #[default]
    Other,
}

impl StreamKind {
    /// Returns the kind of a response with these headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        match (Protocol::of_content(headers), content_type.get(..EVENTS.len())) {
            (Protocol::Grpc, _) => Self::Grpc,
            (Protocol::GrpcWeb(format), _) => Self::GrpcWeb(format),
            (Protocol::Http, Some(start)) if start.eq_ignore_ascii_case(EVENTS) => Self::Events,
            (Protocol::Http, _) => Self::Other,
        }
    }
}

/// The media type of server-sent events.
const EVENTS: &[u8] = b"text/event-stream";
/// The text for a body that the deadline has ended: the message of a gRPC status, or the error
/// of another body. It is the same for a revoked token, as in the response to a request.
const EXPIRED: &str = "the token has expired";
/// The gRPC status code of a stream that the deadline has ended.
const UNAUTHENTICATED: u8 = 16;

impl<B: Body> DeadlineBody<B> {
    /// Wraps a body. Ignores `deadline` if the length of the body is known.
    pub(super) fn new(inner: B, deadline: Option<Deadline>, kind: StreamKind) -> Self {
        let deadline = deadline.filter(|_| inner.size_hint().exact().is_none());
        Self { inner, deadline, timer: DeadlineTimer::default(), kind, has_begun: false, is_over: false }
    }
}

/// Creates a body without a deadline: the body of a rejection has a known length.
impl<B: Body + RejectionBody> RejectionBody for DeadlineBody<B> {
    fn from_rejection(content: Bytes) -> Self {
        Self::new(B::from_rejection(content), None, StreamKind::default())
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Body for DeadlineBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        if *this.is_over {
            return Poll::Ready(None);
        }
        let frame = this.inner.poll_frame(cx).map_err(Into::into);
        let Some(deadline) = this.deadline else { return frame };
        let has_begun = std::mem::replace(this.has_begun, true);
        match &frame {
            Poll::Pending => ready!(this.timer.poll(deadline, cx)),
            // After the deadline, data is dropped. The first frame, trailers and the end of the
            // body are forwarded.
            Poll::Ready(Some(Ok(frame)))
                if frame.is_data()
                    && has_begun
                    && (deadline.is_reached() || this.timer.is_inactive(deadline, cx)) => {}
            Poll::Ready(_) => return frame,
        }
        *this.is_over = true;
        counter!(ENDED_STREAMS).increment(1);
        Poll::Ready(match this.kind {
            StreamKind::Grpc => Some(Ok(Frame::trailers(unauthenticated()))),
            // The trailers frame is between two messages: tonic-web forwards only complete
            // messages.
            StreamKind::GrpcWeb(format) => Some(Ok(Frame::data(format.trailers(UNAUTHENTICATED, EXPIRED)))),
            StreamKind::Events => None,
            // A client must not treat the truncated body as complete.
            StreamKind::Other => Some(Err(EXPIRED.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Creates the default body of the inner service, without a deadline. Some layers of tower-http
/// require `Default`.
impl<B: Body + Default> Default for DeadlineBody<B> {
    fn default() -> Self {
        Self::new(B::default(), None, StreamKind::default())
    }
}

/// Returns the trailers of a gRPC stream that the deadline has ended.
fn unauthenticated() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert("grpc-status", HeaderValue::from(u16::from(UNAUTHENTICATED)));
    trailers.insert("grpc-message", HeaderValue::from_static(EXPIRED));
    trailers
}
