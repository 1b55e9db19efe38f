use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::end::{End, Timer};
use crate::telemetry;

pin_project! {
    /// A response body that ends when the caller's token has expired.
    #[derive(Debug)]
    pub struct ExpiringBody<B> {
        #[pin]
        inner: B,
        // None for a caller whom nobody knows.
        end: Option<End>,
        timer: Timer,
        is_grpc: bool,
        is_over: bool,
    }
}

impl<B> ExpiringBody<B> {
    pub(super) fn new(inner: B, end: Option<End>, is_grpc: bool) -> Self {
        Self { inner, end, timer: Timer::default(), is_grpc, is_over: false }
    }
}

impl<B: Body<Data = Bytes>> Body for ExpiringBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        if *this.is_over {
            return Poll::Ready(None);
        }
        let Some(end) = this.end else { return this.inner.poll_frame(cx) };
        // A stream that always has something to say is to end as well.
        if !end.is_reached() {
            let frame = this.inner.poll_frame(cx);
            if frame.is_ready() || this.timer.poll(end, cx).is_pending() {
                return frame;
            }
        }
        *this.is_over = true;
        telemetry::stream_ended();
        Poll::Ready(this.is_grpc.then(|| Ok(Frame::trailers(unauthenticated()))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.inner.is_end_stream()
    }

    /// That of the inner body: one of a fixed length that is cut short is an error of the connection, as it should be.
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn unauthenticated() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert("grpc-status", HeaderValue::from_static("16"));
    trailers.insert("grpc-message", HeaderValue::from_static("the token has expired"));
    trailers
}
