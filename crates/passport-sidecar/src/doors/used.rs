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

/// Whether a connection is used: by requests, and not by what keeps it alive. A client that answers pings, and asks for nothing, takes
/// somebody's place.
#[derive(Clone, Debug)]
pub(super) struct Used(Arc<Mutex<Uses>>);

#[derive(Debug)]
struct Uses {
    requests: usize,
    /// When the last one ended.
    since: Instant,
}

impl Used {
    pub(super) fn not_yet() -> Self {
        Self(Arc::new(Mutex::new(Uses { requests: 0, since: Instant::now() })))
    }

    /// By a request, until its answer has gone out.
    pub(super) fn begin(&self) -> InUse {
        self.uses().requests += 1;
        InUse(self.clone())
    }

    /// Ready when there has been no request for `time`.
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
        Some(uses.since).filter(|_| uses.requests == 0)
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One use. It ends with the value.
#[derive(Debug)]
pub(super) struct InUse(Used);

impl Drop for InUse {
    fn drop(&mut self) {
        let mut uses = self.0.uses();
        uses.requests -= 1;
        uses.since = Instant::now();
    }
}

/// The body of an answer, which is a use of its connection until its end.
pub(super) struct Answer {
    pub(super) body: Body,
    pub(super) _in_use: InUse,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
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
    async fn it_is_not_over_while_an_answer_goes_out_however_long_that_takes() {
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
}
