//! Wraps bodies of requests and responses with an observer, which is dropped with the body.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// The outcome of polling a body.
pub(crate) type PolledFrame = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// Observes the frames of a body.
pub(crate) trait BodyObserver: Unpin {
    /// Called after each poll of `body` with its result. Returns the result for the reader.
    fn observe(&mut self, _body: &Body, polled: PolledFrame) -> PolledFrame {
        polled
    }
}

/// A body with an observer.
pub(crate) struct ObservedBody<O> {
    pub(crate) body: Body,
    pub(crate) observer: O,
}

impl<O: BodyObserver> http_body::Body for ObservedBody<O> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> PolledFrame {
        let Self { body, observer } = &mut *self;
        let polled = Pin::new(&mut *body).poll_frame(cx);
        observer.observe(body, polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An observer that only holds a value until the body is dropped.
struct Held<T> {
    _value: T,
}

impl<T: Unpin> BodyObserver for Held<T> {}

/// Holds a value until the body of `response` has ended or is dropped.
pub(crate) fn hold_until_end<T: Unpin + Send + 'static>(value: T, response: Response) -> Response {
    response.map(|body| Body::new(ObservedBody { body, observer: Held { _value: value } }))
}
