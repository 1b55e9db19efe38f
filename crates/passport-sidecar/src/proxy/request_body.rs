use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{headers, permit::Permit};

/// A body, of which it is known how far it is, and when it has ended or nobody wants more of it.
pub(super) struct RequestBody {
    body: Body,
    awaited: Option<watch::Sender<bool>>,
    _permit: Option<Permit>,
}

/// How far such a body is: whether its upstream waits for more of it, which is not there yet.
pub(super) struct Progress(Option<watch::Receiver<bool>>);

impl RequestBody {
    pub(super) fn watched(body: Body) -> (Self, Progress) {
        let (awaited, progress) = (!body.is_end_stream()).then(|| watch::channel(false)).unzip();
        (Self { body, awaited, _permit: None }, Progress(progress))
    }

    /// Gives `permit` back when this body is dropped.
    pub(super) fn holding(self, permit: Permit) -> Self {
        Self { _permit: Some(permit), ..self }
    }
}

impl Progress {
    /// Ready when an upstream has taken nothing of what is there for `still`, or nothing at all for `answer`; or it has all and has
    /// not answered for `answer`.
    pub(super) async fn timed_out(self, still: Duration, answer: Duration) {
        if let Some(mut awaited) = self.0 {
            // Until it takes something there may be no token yet, or no connection.
            let mut time = answer;
            loop {
                match timeout(time, awaited.changed()).await {
                    Ok(Ok(())) => {
                        let is_awaited = *awaited.borrow_and_update();
                        time = if is_awaited { Duration::MAX } else { still };
                    }
                    Ok(Err(_ended)) => break,
                    Err(_still) => return,
                }
            }
        }
        sleep(answer).await;
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if self.body.is_end_stream() || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.awaited = None;
        } else if let Some(awaited) = &self.awaited {
            awaited.send_replace(polled.is_pending());
        }
        polled.map_ok(headers::filter_trailers)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::stream;
    use tokio::time::Instant;

    use super::*;

    const STILL: Duration = Duration::from_secs(300);
    const ANSWER: Duration = Duration::from_secs(30);

    async fn late_after(progress: Progress) -> u64 {
        let begin = Instant::now();
        progress.timed_out(STILL, ANSWER).await;
        begin.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_body_the_time_for_an_answer_begins_at_once() {
        let (_sent, progress) = RequestBody::watched(Body::empty());
        assert_eq!(late_after(progress).await, ANSWER.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_for_an_answer_begins_when_all_is_sent() {
        let chunks = (0..5).map(|_| Ok::<_, axum::Error>(Bytes::from_static(b"chunk")));
        let (mut body_sent, progress) = RequestBody::watched(Body::from_stream(stream::iter(chunks)));
        let sends = async {
            sleep(ANSWER / 2).await;
            while poll_fn(|cx| Pin::new(&mut body_sent).poll_frame(cx)).await.is_some() {
                sleep(STILL / 2).await;
            }
        };
        let ((), seconds) = tokio::join!(sends, late_after(progress));
        assert_eq!(seconds, 5 * STILL.as_secs() / 2 + 3 * ANSWER.as_secs() / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_for_long_is_waited_for() {
        let (mut body_sent, progress) =
            RequestBody::watched(Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>()));
        assert!(futures_util::poll!(poll_fn(|cx| Pin::new(&mut body_sent).poll_frame(cx))).is_pending());
        assert!(timeout(10 * STILL, progress.timed_out(STILL, ANSWER)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_takes_no_more_is_left() {
        let (_sent, progress) = RequestBody::watched(Body::from("not wanted"));
        assert_eq!(late_after(progress).await, ANSWER.as_secs());
        let chunks = (0..5).map(|_| Ok::<_, axum::Error>(Bytes::from_static(b"chunk")));
        let (mut body_sent, progress) = RequestBody::watched(Body::from_stream(stream::iter(chunks)));
        assert!(poll_fn(|cx| Pin::new(&mut body_sent).poll_frame(cx)).await.is_some());
        assert_eq!(late_after(progress).await, STILL.as_secs(), "it has taken one");
    }
}
