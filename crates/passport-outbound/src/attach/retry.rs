//! What is kept of a request, in case it has to be sent once more.

use std::{convert::Infallible, fmt};

use bytes::Bytes;
use http::{Request, request};
use http_body::Body;

use super::{
    retry_body::{BufferedBody, Recording},
    service::BoxError,
};

/// How an [`AttachTokenLayer`](super::AttachTokenLayer) sends a request of type `R` once more after its token was refused.
///
/// Sealed: [`NoReplay`], [`CloneRequest`] and [`BufferBody`] are all there is.
#[diagnostic::on_unimplemented(
    message = "a request of type `{R}` cannot be sent again in this way",
    note = "`replay_clones` needs a body that is `Clone`; take `replay_buffered` for others"
)]
pub trait Replay<R>: sealed::Keep<R> {}

/// The default: a refused request is not sent again; the next one has another token.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReplay;

/// See [`AttachTokenLayer::replay_clones`](super::AttachTokenLayer::replay_clones).
#[derive(Clone, Copy, Debug, Default)]
pub struct CloneRequest;

/// See [`AttachTokenLayer::replay_buffered`](super::AttachTokenLayer::replay_buffered).
#[derive(Clone, Copy)]
pub struct BufferBody<F> {
    pub(super) max_bytes: usize,
    pub(super) wrap: F,
}

impl<F> fmt::Debug for BufferBody<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferBody").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

impl<R> Replay<R> for NoReplay {}
impl<B: Clone> Replay<Request<B>> for CloneRequest {}
impl<B, F> Replay<Request<B>> for BufferBody<F>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
    F: Fn(BufferedBody<B>) -> B + Clone,
{
}

pub(crate) mod sealed {
    /// Keeps what is needed to make a request of type `R` once more.
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait Keep<R>: Clone {
        type Kept;

        /// Whether anything is ever kept. If not, a request is not moved for it.
        const KEEPS: bool = true;

        /// The request to send, and what to make it again from, if it can be.
        fn keep(&self, request: R) -> (R, Option<Self::Kept>);

        /// The request once more, if it can be by now.
        fn restore(&self, kept: Self::Kept) -> Option<R>;
    }
}

impl<R> sealed::Keep<R> for NoReplay {
    type Kept = Infallible;

    const KEEPS: bool = false;

    fn keep(&self, request: R) -> (R, Option<Infallible>) {
        (request, None)
    }

    fn restore(&self, kept: Infallible) -> Option<R> {
        match kept {}
    }
}

impl<B: Clone> sealed::Keep<Request<B>> for CloneRequest {
    type Kept = Request<B>;

    fn keep(&self, request: Request<B>) -> (Request<B>, Option<Request<B>>) {
        let kept = request.clone();
        (request, Some(kept))
    }

    fn restore(&self, kept: Request<B>) -> Option<Request<B>> {
        Some(kept)
    }
}

impl<B, F> sealed::Keep<Request<B>> for BufferBody<F>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
    F: Fn(BufferedBody<B>) -> B + Clone,
{
    type Kept = (request::Parts, Recording<B>);

    fn keep(&self, request: Request<B>) -> (Request<B>, Option<Self::Kept>) {
        let (parts, body) = request.into_parts();
        let (body, recording) = BufferedBody::recording(body, self.max_bytes);
        let kept = (parts.clone(), recording);
        (Request::from_parts(parts, (self.wrap)(body)), Some(kept))
    }

    fn restore(&self, (parts, recording): Self::Kept) -> Option<Request<B>> {
        Some(Request::from_parts(parts, (self.wrap)(recording.again()?)))
    }
}
