use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// Whether a connection is used: by requests that wait for us, and not by what keeps it alive. A client that answers pings and asks for
/// nothing, or does not take what it has asked for, takes somebody's place.
#[derive(Clone, Debug)]
pub(super) struct Used(Arc<Mutex<Uses>>);

#[derive(Debug)]
struct Uses {
    /// How many requests wait for an answer, or for more of it.
    waiting: usize,
    /// When that was last another number, or more of an answer was taken.
    since: Instant,
}

impl Used {
    pub(super) fn not_yet() -> Self {
        Self(Arc::new(Mutex::new(Uses { waiting: 0, since: Instant::now() })))
    }

    /// By a request, until its answer has gone out.
    pub(super) fn begin(&self) -> InUse {
        let mut in_use = InUse { used: self.clone(), waits: false };
        in_use.note(true);
        in_use
    }

    /// Ready when nothing has waited, and nothing was taken, for `time`.
    pub(super) async fn is_over(&self, time: Duration) {
        loop {
            let now = Instant::now();
            let end = self.unused_since().unwrap_or(now) + time;
            if end <= now {
                return;
            }
            sleep_until(end).await;
        }
    }

    fn unused_since(&self) -> Option<Instant> {
        let uses = self.uses();
        Some(uses.since).filter(|_| uses.waiting == 0)
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One use. It ends with the value.
#[derive(Debug)]
pub(super) struct InUse {
    used: Used,
    waits: bool,
}

impl InUse {
    /// Whether it waits for us, or its client has something to take.
    fn note(&mut self, waits: bool) {
        let mut uses = self.used.uses();
        match (self.waits, waits) {
            (false, true) => uses.waiting += 1,
            (true, false) => uses.waiting -= 1,
            _ => {}
        }
        uses.since = Instant::now();
        self.waits = waits;
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.note(false);
    }
}

/// The body of an answer, which is a use of its connection until its end.
pub(super) struct Answer {
    body: Body,
    in_use: InUse,
}

impl Answer {
    pub(super) fn new(body: Body, mut in_use: InUse) -> Self {
        in_use.note(false);
        Self { body, in_use }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        // Who asks for more has taken what there was; HTTP/2 may ask for one frame ahead.
        self.in_use.note(polled.is_pending());
        polled
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

    use http_body::Body as _;
    use tokio::time::{advance, timeout};

    use super::*;

    const TIME: Duration = Duration::from_secs(300);

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_over_after_a_while() {
        let (used, begin) = (Used::not_yet(), Instant::now());
        used.is_over(TIME).await;
        assert_eq!(begin.elapsed().as_secs(), TIME.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_not_over_while_a_request_waits_however_long_that_takes() {
        let used = Used::not_yet();
        let [first, second] = [used.begin(), used.begin()];
        drop(first);
        assert!(timeout(10 * TIME, used.is_over(TIME)).await.is_err());
        drop(second);
        let begin = Instant::now();
        used.is_over(TIME).await;
        assert_eq!(begin.elapsed().as_secs(), TIME.as_secs(), "the time begins when the last one ends");
    }

    #[tokio::test(start_paused = true)]
    async fn each_request_begins_the_time_anew() {
        let used = Used::not_yet();
        for _ in 0..5 {
            assert!(timeout(TIME / 2, used.is_over(TIME)).await.is_err());
            drop(used.begin());
        }
        advance(TIME).await;
        assert!(timeout(Duration::ZERO, used.is_over(TIME)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_with_no_more_to_send_yet_is_waited_for_and_one_that_is_not_taken_is_not() {
        let used = Used::not_yet();
        let silent = Body::from_stream(futures_util::stream::pending::<Result<Bytes, axum::Error>>());
        let mut silent = Answer::new(silent, used.begin());
        assert!(futures_util::poll!(poll_fn(|cx| Pin::new(&mut silent).poll_frame(cx))).is_pending());
        assert!(timeout(10 * TIME, used.is_over(TIME)).await.is_err());
        drop(silent);
        let _not_taken = Answer::new(Body::from("answer"), used.begin());
        let begin = Instant::now();
        used.is_over(TIME).await;
        assert_eq!(begin.elapsed().as_secs(), TIME.as_secs());
    }
}
