//! What the middlewares answer with: the inner service's response, or a refusal, under one body type.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

use crate::response::drain::Drain;

pin_project! {
    /// A response body: the inner service's own, untouched, or the few bytes of a refusal.
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
        Refusal { #[pin] body: Full<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    fn inner(body: B) -> Self {
        Self { kind: BodyKind::Inner { body } }
    }

    fn refusal(body: Bytes) -> Self {
        Self { kind: BodyKind::Refusal { body: Full::new(body) } }
    }
}

/// An empty body of the inner kind; some layers of tower-http ask for one.
impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::inner(B::default())
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
            BodyProjection::Refusal { body } => body.poll_frame(cx).map_err(|infallible| match infallible {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            BodyKind::Inner { body } => body.is_end_stream(),
            BodyKind::Refusal { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            BodyKind::Inner { body } => body.size_hint(),
            BodyKind::Refusal { body } => body.size_hint(),
        }
    }
}

pin_project! {
    /// The future of a decided request.
    #[project = AnswerProjection]
    pub(crate) enum Answer<F> {
        /// Let through.
        Inner { #[pin] response: F },
        /// Refused; the inner service never sees the request.
        Refused { refusal: Option<Response<Bytes>>, drain: Option<Box<Drain>> },
    }
}

impl<F> Answer<F> {
    /// `drain` is what is left of the request's body, which is read first.
    pub(crate) fn refused(refusal: Response<Bytes>, drain: Option<Box<Drain>>) -> Self {
        Self::Refused { refusal: Some(refusal), drain }
    }
}

impl<F, B, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    #[inline(always)] // each call of it would move the response once more
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnswerProjection::Inner { response } => {
                response.poll(cx).map_ok(|response| response.map(ResponseBody::inner))
            }
            AnswerProjection::Refused { refusal, drain } => {
                if let Some(drain) = drain {
                    ready!(drain.poll(cx));
                }
                let refusal = refusal.take().expect("polled again after it was ready");
                Poll::Ready(Ok(refusal.map(ResponseBody::refusal)))
            }
        }
    }
}
