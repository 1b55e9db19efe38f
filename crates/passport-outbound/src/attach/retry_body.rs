//! A request body that cannot be cloned, but can be sent a second time.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::error::BoxError;

/// A request body that records the chunks that the client reads from it, so that the request can
/// be retried. The recorded chunks share memory with the sent chunks and are not copies. See
/// [`retry_unauthorized_buffered`](super::AttachTokenLayer::retry_unauthorized_buffered).
///
/// The body's error is the error of the inner body, boxed.
pub struct BufferedBody<B>(RecordingState<B>);

enum RecordingState<B> {
    /// The body of the first request.
    First(Arc<Mutex<Recorded<B>>>),
    /// The body of the second request: the recorded chunks, then the rest of the first body.
    Second { chunks: VecDeque<Bytes>, rest: Option<Pin<Box<B>>>, trailers: Option<HeaderMap> },
}

/// The inner body and the recorded chunks. The body of the first request and its [`Recording`]
/// share them.
struct Recorded<B> {
    /// The inner body. `None` after the inner body has ended, or after the second request has taken
    /// it.
    inner: Option<Pin<Box<B>>>,
    /// Whether the second request has taken the inner body.
    taken: bool,
    chunks: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// The number of bytes that can still be recorded. `None` if the request cannot be retried, for
    /// one of these reasons:
    /// - More bytes than the limit were read.
    /// - The body failed.
    /// - The recording was dropped.
    remaining: Option<usize>,
    /// Wakes the task that sends the first request. Called when the second request takes the body.
    sender: Option<Waker>,
}

/// The error that ends the body of the first request when the second request takes the inner
/// body. Without an error, the half-sent body would look complete. With the error, the client
/// aborts the first request.
#[derive(Debug, thiserror::Error)]
#[error("request body aborted: the token was rejected, and the request is being sent again")]
struct SentSecondTime;

/// A handle to the recorded chunks of a body that is being sent. Dropping the handle stops the
/// recording.
#[expect(unnameable_types, reason = "a sealed trait has it as a type")]
pub struct Recording<B>(Arc<Mutex<Recorded<B>>>);

impl<B: Body<Data = Bytes>> BufferedBody<B> {
    /// Wraps `inner` in a body that records the first `max_bytes` when the client reads them.
    /// Returns that body, and the handle to the recorded chunks.
    pub(super) fn recording(inner: B, max_bytes: usize) -> (Self, Recording<B>) {
        let recorded = Arc::new(Mutex::new(Recorded {
            inner: Some(Box::pin(inner)),
            taken: false,
            chunks: VecDeque::new(),
            trailers: None,
            remaining: Some(max_bytes),
            sender: None,
        }));
        (Self(RecordingState::First(Arc::clone(&recorded))), Recording(recorded))
    }
}

impl<B> Recording<B> {
    /// Returns the body of the second request: the recorded chunks, then the unread rest of the
    /// inner body. Returns `None` if the request cannot be retried: more bytes than the limit were
    /// read, or the body failed.
    ///
    /// The body of the first request then ends with an error. The first request no longer needs its
    /// body, because its response has arrived.
    pub(super) fn into_body(self) -> Option<BufferedBody<B>> {
        let mut recorded = locked(&self.0);
        recorded.remaining?;
        recorded.taken = true;
        if let Some(sender) = recorded.sender.take() {
            sender.wake();
        }
        Some(BufferedBody(RecordingState::Second {
            chunks: std::mem::take(&mut recorded.chunks),
            rest: recorded.inner.take(),
            trailers: recorded.trailers.take(),
        }))
    }
}

impl<B> Drop for Recording<B> {
    /// Stops the recording and frees the recorded chunks, which are no longer needed.
    fn drop(&mut self) {
        locked(&self.0).discard();
    }
}

impl<B> Recorded<B> {
    fn discard(&mut self) {
        self.remaining = None;
        self.chunks = VecDeque::new();
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Recorded<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(self.taken.then(|| Err(SentSecondTime.into())));
        };
        let Poll::Ready(frame) = inner.as_mut().poll_frame(cx) else {
            self.sender = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let frame = frame.map(|frame| frame.map_err(Into::into));
        match &frame {
            Some(Ok(frame)) => self.record(frame),
            Some(Err(_)) => self.discard(),
            None => self.inner = None,
        }
        Poll::Ready(frame)
    }

    fn record(&mut self, frame: &Frame<Bytes>) {
        let Some(remaining) = self.remaining else { return };
        if let Some(chunk) = frame.data_ref().filter(|chunk| !chunk.is_empty()) {
            let Some(left) = remaining.checked_sub(chunk.len()) else { return self.discard() };
            self.remaining = Some(left);
            self.chunks.push_back(chunk.clone());
        }
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
        }
    }
}

fn locked<B>(recorded: &Mutex<Recorded<B>>) -> MutexGuard<'_, Recorded<B>> {
    recorded.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Body for BufferedBody<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().0 {
            RecordingState::First(recorded) => locked(recorded).poll_frame(cx),
            RecordingState::Second { chunks, rest, trailers } => {
                if let Some(chunk) = chunks.pop_front() {
                    return Poll::Ready(Some(Ok(Frame::data(chunk))));
                }
                if let Some(inner) = rest {
                    match ready!(inner.as_mut().poll_frame(cx)) {
                        None => *rest = None,
                        Some(frame) => return Poll::Ready(Some(frame.map_err(Into::into))),
                    }
                }
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            RecordingState::First(recorded) => {
                let recorded = locked(recorded);
                recorded.inner.as_ref().map_or(!recorded.taken, Body::is_end_stream)
            }
            RecordingState::Second { chunks, rest, trailers } => {
                chunks.is_empty() && trailers.is_none() && rest.as_ref().is_none_or(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            RecordingState::First(recorded) => size_hint_of(locked(recorded).inner.as_ref()),
            RecordingState::Second { chunks, rest, .. } => {
                let recorded = chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
                let rest = size_hint_of(rest.as_ref());
                let mut sum = SizeHint::new();
                sum.set_lower(recorded + rest.lower());
                if let Some(upper) = rest.upper() {
                    sum.set_upper(recorded + upper);
                }
                sum
            }
        }
    }
}

fn size_hint_of<B: Body>(body: Option<&Pin<Box<B>>>) -> SizeHint {
    body.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
}

impl<B> fmt::Debug for BufferedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedBody").finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for Recording<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}
