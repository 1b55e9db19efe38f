use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A request body that remembers what was read from it, so that the request can be sent once more. Nothing is copied:
    /// the chunks are shared. See [`AttachTokenLayer::replay_buffered`](super::AttachTokenLayer::replay_buffered).
    pub struct BufferedBody<B> {
        #[pin]
        source: Source<B>,
    }
}

pin_project! {
    #[project = SourceProjection]
    enum Source<B> {
        /// The body itself, while it is sent for the first time.
        Original { #[pin] inner: B, record: Arc<Mutex<Record>> },
        /// What was remembered of it.
        Remembered { chunks: VecDeque<Bytes>, trailers: Option<HeaderMap> },
    }
}

#[derive(Debug, Default)]
struct Record {
    chunks: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    /// How many bytes more may be remembered. None when there were too many.
    room: Option<usize>,
    complete: bool,
}

/// What is remembered of a body that is being sent.
#[derive(Debug)]
#[expect(unnameable_types, reason = "it stands in a sealed trait")]
pub struct Recording(Arc<Mutex<Record>>);

impl<B: Body<Data = Bytes>> BufferedBody<B> {
    pub(super) fn recording(inner: B, max_bytes: usize) -> (Self, Recording) {
        let mut record = Record { room: Some(max_bytes), ..Record::default() };
        record.complete = is_over(&inner);
        let record = Arc::new(Mutex::new(record));
        let recording = Recording(Arc::clone(&record));
        (Self { source: Source::Original { inner, record } }, recording)
    }
}

impl Recording {
    /// The body once more; None unless it was read to its end, within the bound.
    pub(super) fn replayed<B>(self) -> Option<BufferedBody<B>> {
        let mut record = locked(&self.0);
        (record.complete && record.room.is_some()).then(|| BufferedBody {
            source: Source::Remembered {
                chunks: std::mem::take(&mut record.chunks),
                trailers: record.trailers.take(),
            },
        })
    }
}

impl Record {
    fn take_in(&mut self, frame: &Frame<Bytes>) {
        let Some(room) = self.room else { return };
        if let Some(chunk) = frame.data_ref() {
            self.room = room.checked_sub(chunk.len());
            if self.room.is_some() {
                self.chunks.push_back(chunk.clone());
            } else {
                self.chunks = VecDeque::new();
            }
        }
        self.trailers = frame.trailers_ref().cloned().or(self.trailers.take());
    }
}

/// A client need not read to the end what has told its length.
fn is_over(body: &impl Body) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

fn locked(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body<Data = Bytes>> Body for BufferedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().source.project() {
            SourceProjection::Original { mut inner, record } => {
                let frame = ready!(inner.as_mut().poll_frame(cx));
                let mut record = locked(record);
                match &frame {
                    Some(Ok(frame)) => record.take_in(frame),
                    Some(Err(_)) => record.room = None,
                    None => {}
                }
                record.complete |= frame.is_none() || is_over(&*inner);
                Poll::Ready(frame)
            }
            SourceProjection::Remembered { chunks, trailers } => {
                let frame = chunks.pop_front().map(Frame::data);
                Poll::Ready(frame.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Original { inner, .. } => inner.is_end_stream(),
            Source::Remembered { chunks, trailers } => chunks.is_empty() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Original { inner, .. } => inner.size_hint(),
            Source::Remembered { chunks, .. } => {
                SizeHint::with_exact(chunks.iter().map(|chunk| chunk.len() as u64).sum())
            }
        }
    }
}

impl<B> fmt::Debug for BufferedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedBody").finish_non_exhaustive()
    }
}
