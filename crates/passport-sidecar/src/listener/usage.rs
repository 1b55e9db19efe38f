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

/// Tells how long no request of a connection has waited for the sidecar. A client that only answers
/// pings, or that does not take its response, moves bytes but does not use its connection, and is
/// disconnected so that others can connect.
#[derive(Clone, Debug)]
pub(super) struct ConnectionUsage(Arc<Mutex<Usage>>);

#[derive(Debug)]
struct Usage {
    /// Requests that wait for a response, or for more of it.
    waiting: usize,
    /// When that number last changed, or more of a response was taken.
    since: Instant,
}

impl ConnectionUsage {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Usage { waiting: 0, since: Instant::now() })))
    }

    /// Counts a request, until its response has been sent.
    pub(super) fn begin(&self) -> ActiveRequest {
        let mut request = ActiveRequest { connection: self.clone(), waits: false };
        request.set_waiting(true);
        request
    }

    /// Completes when no request has waited, and no response was taken, for `time`.
    pub(super) async fn unused_for(&self, time: Duration) {
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
        let usage = self.usage();
        Some(usage.since).filter(|_| usage.waiting == 0)
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct ActiveRequest {
    connection: ConnectionUsage,
    waits: bool,
}

impl ActiveRequest {
    /// Notes whether the request waits for the sidecar, or its client has something to take.
    fn set_waiting(&mut self, waits: bool) {
        let mut usage = self.connection.usage();
        match (self.waits, waits) {
            (false, true) => usage.waiting += 1,
            (true, false) => usage.waiting -= 1,
            _ => {}
        }
        usage.since = Instant::now();
        self.waits = waits;
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.set_waiting(false);
    }
}

/// The body of a response. Its connection is used while the client waits for more of it.
pub(super) struct TrackedBody {
    body: Body,
    request: ActiveRequest,
}

impl TrackedBody {
    pub(super) fn new(body: Body, mut request: ActiveRequest) -> Self {
        request.set_waiting(false);
        Self { body, request }
    }
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        // A poll means that the last frame was taken; HTTP/2 may poll one frame ahead.
        self.request.set_waiting(polled.is_pending());
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
        let (connection, begin) = (ConnectionUsage::new(), Instant::now());
        connection.unused_for(TIME).await;
        assert_eq!(begin.elapsed().as_secs(), TIME.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_not_over_while_a_request_waits_however_long_that_takes() {
        let connection = ConnectionUsage::new();
        let [first, second] = [connection.begin(), connection.begin()];
        drop(first);
        assert!(timeout(10 * TIME, connection.unused_for(TIME)).await.is_err());
        drop(second);
        let begin = Instant::now();
        connection.unused_for(TIME).await;
        assert_eq!(begin.elapsed().as_secs(), TIME.as_secs(), "the time begins when the last one ends");
    }

    #[tokio::test(start_paused = true)]
    async fn each_request_begins_the_time_anew() {
        let connection = ConnectionUsage::new();
        for _ in 0..5 {
            assert!(timeout(TIME / 2, connection.unused_for(TIME)).await.is_err());
            drop(connection.begin());
        }
        advance(TIME).await;
        assert!(timeout(Duration::ZERO, connection.unused_for(TIME)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_with_no_more_to_send_yet_is_waited_for_and_one_that_is_not_taken_is_not() {
        let connection = ConnectionUsage::new();
        let silent = Body::from_stream(futures_util::stream::pending::<Result<Bytes, axum::Error>>());
        let mut silent = TrackedBody::new(silent, connection.begin());
        assert!(futures_util::poll!(poll_fn(|cx| Pin::new(&mut silent).poll_frame(cx))).is_pending());
        assert!(timeout(10 * TIME, connection.unused_for(TIME)).await.is_err());
        drop(silent);
        let _not_taken = TrackedBody::new(Body::from("answer"), connection.begin());
        let begin = Instant::now();
        connection.unused_for(TIME).await;
        assert_eq!(begin.elapsed().as_secs(), TIME.as_secs());
    }
}
