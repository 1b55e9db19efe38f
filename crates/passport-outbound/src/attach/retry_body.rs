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

/// A request body that records what is read from it, so that the request can be retried. The chunks
/// are shared, not copied. See
/// [`AttachTokenLayer::retry_unauthorized_buffered`](super::AttachTokenLayer::retry_unauthorized_buffered).
///
/// Its error is the inner body's, boxed.
pub struct BufferedBody<B>(RecordingState<B>);

enum RecordingState<B> {
    /// The body itself, while it is sent for the first time.
    First(Arc<Mutex<Recorded<B>>>),
    /// The recorded chunks, and then the rest of the body.
    Second { chunks: VecDeque<Bytes>, rest: Option<Pin<Box<B>>>, trailers: Option<HeaderMap> },
}

struct Recorded<B> {
    /// `None` once it has ended, or is being sent for the second time.
    inner: Option<Pin<Box<B>>>,
    taken: bool,
    chunks: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// How many more bytes may be recorded. `None` when there were too many, the body failed, or
    /// there will be no second time.
    room: Option<usize>,
    /// Wakes the task that sends the body for the first time.
    sender: Option<Waker>,
}

/// The body is being sent for the second time, so the first request gets no more of it. An end of
/// the body would make half a body look complete; with an error the client aborts.
#[derive(Debug, thiserror::Error)]
#[error("the request was refused before its body was sent; it is being sent again")]
struct SentSecondTime;

/// The recording of a body that is being sent.
#[expect(unnameable_types, reason = "a sealed trait has it as a type")]
pub struct Recording<B>(Arc<Mutex<Recorded<B>>>);

impl<B: Body<Data = Bytes>> BufferedBody<B> {
    pub(super) fn recording(inner: B, max_bytes: usize) -> (Self, Recording<B>) {
        let recorded = Arc::new(Mutex::new(Recorded {
            inner: Some(Box::pin(inner)),
            taken: false,
            chunks: VecDeque::new(),
            trailers: None,
            room: Some(max_bytes),
            sender: None,
        }));
        (Self(RecordingState::First(Arc::clone(&recorded))), Recording(recorded))
    }
}

impl<B> Recording<B> {
    /// Returns the body for the second time: what was read so far, and then the rest. `None` if
    /// more was read than may be recorded.
    ///
    /// The rest is taken from the first request, whose response has been received.
    pub(super) fn replay(self) -> Option<BufferedBody<B>> {
        let mut recorded = locked(&self.0);
        recorded.room?;
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
    /// The request is not sent again, so nothing more is recorded.
    fn drop(&mut self) {
        locked(&self.0).forget();
    }
}

impl<B> Recorded<B> {
    fn forget(&mut self) {
        self.room = None;
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
            Some(Err(_)) => self.forget(),
            None => self.inner = None,
        }
        Poll::Ready(frame)
    }

    fn record(&mut self, frame: &Frame<Bytes>) {
        let Some(room) = self.room else { return };
        if let Some(chunk) = frame.data_ref().filter(|chunk| !chunk.is_empty()) {
            let Some(left) = room.checked_sub(chunk.len()) else { return self.forget() };
            self.room = Some(left);
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
            RecordingState::First(recorded) => hint(locked(recorded).inner.as_ref()),
            RecordingState::Second { chunks, rest, .. } => {
                let recorded = chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
                let rest = hint(rest.as_ref());
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

fn hint<B: Body>(body: Option<&Pin<Box<B>>>) -> SizeHint {
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
