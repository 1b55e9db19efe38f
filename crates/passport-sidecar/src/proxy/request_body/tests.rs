use std::{future::poll_fn, pin::Pin};

use bytes::Bytes;
use futures_util::stream;
use tokio::time::Instant;

use super::*;

const STILL: Duration = Duration::from_secs(300);
const ANSWER: Duration = Duration::from_secs(30);

async fn late_after(progress: UploadProgress) -> u64 {
    let begin = Instant::now();
    progress.timed_out(STILL, ANSWER).await;
    begin.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn response_time_begins_at_once_without_a_body() {
    let (_sent, progress) = RequestBody::watched(Body::empty());
    assert_eq!(late_after(progress).await, ANSWER.as_secs());
}

#[tokio::test(start_paused = true)]
async fn response_time_begins_after_the_body() {
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
async fn slow_request_body_does_not_time_out() {
    let (mut body_sent, progress) =
        RequestBody::watched(Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>()));
    assert!(futures_util::poll!(poll_fn(|cx| Pin::new(&mut body_sent).poll_frame(cx))).is_pending());
    assert!(timeout(10 * STILL, progress.timed_out(STILL, ANSWER)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn upstream_that_takes_no_more_times_out() {
    let (_sent, progress) = RequestBody::watched(Body::from("not wanted"));
    assert_eq!(late_after(progress).await, ANSWER.as_secs());
    let chunks = (0..5).map(|_| Ok::<_, axum::Error>(Bytes::from_static(b"chunk")));
    let (mut body_sent, progress) = RequestBody::watched(Body::from_stream(stream::iter(chunks)));
    assert!(poll_fn(|cx| Pin::new(&mut body_sent).poll_frame(cx)).await.is_some());
    assert_eq!(late_after(progress).await, STILL.as_secs(), "it has taken one");
}
