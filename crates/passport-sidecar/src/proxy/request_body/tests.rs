use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

use bytes::Bytes;
use futures_util::stream;
use tokio::time::Instant;

use super::*;

const IDLE: Duration = Duration::from_secs(300);
const RESPONSE: Duration = Duration::from_secs(30);

async fn timed_out_after(progress: UploadProgress) -> u64 {
    let begin = Instant::now();
    progress.timed_out(IDLE, RESPONSE).await;
    begin.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn response_time_begins_at_once_without_a_body() {
    let (_body, progress) = RequestBody::watched(Body::empty());
    assert_eq!(timed_out_after(progress).await, RESPONSE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn response_time_begins_after_the_body() {
    let chunks = (0..5).map(|_| Ok::<_, axum::Error>(Bytes::from_static(b"chunk")));
    let (mut body, progress) = RequestBody::watched(Body::from_stream(stream::iter(chunks)));
    let sends = async {
        sleep(RESPONSE / 2).await;
        while poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.is_some() {
            sleep(IDLE / 2).await;
        }
    };
    let ((), seconds) = tokio::join!(sends, timed_out_after(progress));
    assert_eq!(seconds, 5 * IDLE.as_secs() / 2 + 3 * RESPONSE.as_secs() / 2);
}

#[tokio::test(start_paused = true)]
async fn slow_request_body_does_not_time_out() {
    let (mut body, progress) =
        RequestBody::watched(Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>()));
    assert!(futures_util::poll!(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).is_pending());
    assert!(timeout(10 * IDLE, progress.timed_out(IDLE, RESPONSE)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn upstream_that_stops_reading_times_out() {
    let (_body, progress) = RequestBody::watched(Body::from("unread"));
    assert_eq!(timed_out_after(progress).await, RESPONSE.as_secs());
    let chunks = (0..5).map(|_| Ok::<_, axum::Error>(Bytes::from_static(b"chunk")));
    let (mut body, progress) = RequestBody::watched(Body::from_stream(stream::iter(chunks)));
    assert!(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.is_some());
    assert_eq!(timed_out_after(progress).await, IDLE.as_secs(), "after the first part");
}

/// A waker that remembers whether it was called.
#[derive(Default)]
struct WakeFlag(AtomicBool);

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn pending_request_body_does_not_wake_its_own_task_again() {
    let (mut body, progress) =
        RequestBody::watched(Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>()));
    let mut timed_out = Box::pin(progress.timed_out(IDLE, RESPONSE));
    let flag = Arc::new(WakeFlag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut cx = Context::from_waker(&waker);
    let mut polls = 0;
    while polls == 0 || (flag.0.swap(false, Ordering::Relaxed) && polls < 10) {
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_pending());
        assert!(timed_out.as_mut().poll(&mut cx).is_pending());
        polls += 1;
    }
    assert!(polls <= 2, "polled {polls} times without an event");
}
