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

use super::service::BoxError;

/// A request body that remembers what was read from it, so that the request can be sent once more. Nothing is copied: the
/// chunks are shared. See [`AttachTokenLayer::replay_buffered`](super::AttachTokenLayer::replay_buffered).
///
/// Its error is the inner body's, boxed.
pub struct BufferedBody<B>(Source<B>);

enum Source<B> {
    /// The body itself, while it is sent for the first time.
    Original(Arc<Mutex<Recorded<B>>>),
    /// What was remembered of it, and then what is left of it.
    Again { chunks: VecDeque<Bytes>, rest: Option<Pin<Box<B>>>, trailers: Option<HeaderMap> },
}

struct Recorded<B> {
    /// None once it is over, or was taken away to be sent again.
    inner: Option<Pin<Box<B>>>,
    taken: bool,
    chunks: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// How many bytes more may be remembered. None when there were too many, the body broke, or nobody would read them.
    room: Option<usize>,
    /// Who is sending it for the first time.
    sender: Option<Waker>,
}

/// The body is being sent once more, so that who sends it for the first time gets no more of it. To end it there would make
/// a whole body of half a one; the client is to abort.
#[derive(Debug, thiserror::Error)]
#[error("the request was refused before its body was sent; it is being sent again")]
struct SentAgain;

/// What is remembered of a body that is being sent.
#[expect(unnameable_types, reason = "it stands in a sealed trait")]
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
        (Self(Source::Original(Arc::clone(&recorded))), Recording(recorded))
    }
}

impl<B> Recording<B> {
    /// The body once more: what was read of it so far, and then the rest. None if more was read than may be remembered.
    ///
    /// The rest is taken away from whoever may still be sending it; nobody reads that any more.
    pub(super) fn again(self) -> Option<BufferedBody<B>> {
        let mut recorded = locked(&self.0);
        recorded.room?;
        recorded.taken = true;
        if let Some(sender) = recorded.sender.take() {
            sender.wake();
        }
        Some(BufferedBody(Source::Again {
            chunks: std::mem::take(&mut recorded.chunks),
            rest: recorded.inner.take(),
            trailers: recorded.trailers.take(),
        }))
    }
}

impl<B> Drop for Recording<B> {
    /// The answer is there and the request is not sent again: what comes after is not worth remembering.
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
            return Poll::Ready(self.taken.then(|| Err(SentAgain.into())));
        };
        let Poll::Ready(frame) = inner.as_mut().poll_frame(cx) else {
            self.sender = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let frame = frame.map(|frame| frame.map_err(Into::into));
        match &frame {
            Some(Ok(frame)) => self.remember(frame),
            Some(Err(_)) => self.forget(),
            None => self.inner = None,
        }
        Poll::Ready(frame)
    }

    fn remember(&mut self, frame: &Frame<Bytes>) {
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
            Source::Original(recorded) => locked(recorded).poll_frame(cx),
            Source::Again { chunks, rest, trailers } => {
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
            Source::Original(recorded) => {
                let recorded = locked(recorded);
                recorded.inner.as_ref().map_or(!recorded.taken, Body::is_end_stream)
            }
            Source::Again { chunks, rest, trailers } => {
                chunks.is_empty() && trailers.is_none() && rest.as_ref().is_none_or(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Original(recorded) => hint(locked(recorded).inner.as_ref()),
            Source::Again { chunks, rest, .. } => {
                let remembered = chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
                let rest = hint(rest.as_ref());
                let mut sum = SizeHint::new();
                sum.set_lower(remembered + rest.lower());
                if let Some(upper) = rest.upper() {
                    sum.set_upper(remembered + upper);
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
