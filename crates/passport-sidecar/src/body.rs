//! Wraps the body of a request or of a response with an observer, which sees each frame of the
//! body. The observer is dropped together with the body.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// The result of polling a body for its next frame.
pub(crate) type PolledFrame = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// Observes or changes the frames of a body while the body is read.
pub(crate) trait BodyObserver: Unpin {
    /// Observes the result `polled` of a poll of the body. `is_end` is whether the body has ended.
    /// The reader of the body gets the returned value instead of `polled`. The default
    /// implementation returns `polled` unchanged.
    fn observe(&mut self, _is_end: bool, polled: PolledFrame) -> PolledFrame {
        polled
    }
}

/// A body that passes the result of each poll to `observer`.
pub(crate) struct ObservedBody<O, B = Body> {
    pub(crate) body: B,
    pub(crate) observer: O,
}

impl<O, B> http_body::Body for ObservedBody<O, B>
where
    O: BodyObserver,
    B: http_body::Body<Data = Bytes, Error = axum::Error> + Unpin,
{
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> PolledFrame {
        let Self { body, observer } = &mut *self;
        let polled = Pin::new(&mut *body).poll_frame(cx);
        observer.observe(body.is_end_stream(), polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An observer that holds a value, such as a permit, until the body is dropped.
struct Held<T> {
    _value: T,
}

impl<T: Unpin> BodyObserver for Held<T> {}

/// Stores `value`, such as a permit, in the body of `response`. The value is dropped with the
/// body: when the body has been sent, or when the client has disconnected.
pub(crate) fn hold_until_end<T: Unpin + Send + 'static>(value: T, response: Response) -> Response {
    response.map(|body| Body::new(ObservedBody { body, observer: Held { _value: value } }))
}
