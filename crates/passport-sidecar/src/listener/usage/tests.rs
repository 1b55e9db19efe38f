use std::{convert::Infallible, future::poll_fn, pin::Pin};

use bytes::Bytes;
use futures_util::{poll, stream};
use http_body::Body as _;
use tokio::time::{advance, timeout};

use super::*;

const IDLE: Duration = Duration::from_secs(300);

#[tokio::test(start_paused = true)]
async fn connection_without_a_request_is_idle() {
    let (connection, begin) = (ConnectionUsage::new(), Instant::now());
    connection.idle_for(IDLE).await;
    assert_eq!(begin.elapsed().as_secs(), IDLE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn connection_with_a_waiting_request_is_not_idle() {
    let connection = ConnectionUsage::new();
    let [first, second] = [connection.begin(), connection.begin()];
    drop(first);
    assert!(timeout(10 * IDLE, connection.idle_for(IDLE)).await.is_err());
    drop(second);
    let begin = Instant::now();
    connection.idle_for(IDLE).await;
    assert_eq!(begin.elapsed().as_secs(), IDLE.as_secs(), "the idle time begins when the last request ends");
}

#[tokio::test(start_paused = true)]
async fn each_request_restarts_the_idle_time() {
    let connection = ConnectionUsage::new();
    for _ in 0..5 {
        assert!(timeout(IDLE / 2, connection.idle_for(IDLE)).await.is_err());
        drop(connection.begin());
    }
    advance(IDLE).await;
    assert!(timeout(Duration::ZERO, connection.idle_for(IDLE)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn connection_is_idle_with_unread_body_not_with_pending() {
    let connection = ConnectionUsage::new();
    let silent = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    let mut silent = TrackedBody::new(silent, connection.clone());
    assert!(poll!(poll_fn(|cx| Pin::new(&mut silent).poll_frame(cx))).is_pending());
    assert!(timeout(10 * IDLE, connection.idle_for(IDLE)).await.is_err());
    drop(silent);
    let _unread = TrackedBody::new(Body::from("answer"), connection.clone());
    let begin = Instant::now();
    connection.idle_for(IDLE).await;
    assert_eq!(begin.elapsed().as_secs(), IDLE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn each_part_that_is_read_restarts_the_idle_time() {
    let connection = ConnectionUsage::new();
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(b"x")));
    let mut body = TrackedBody::new(Body::from_stream(endless), connection.clone());
    for _ in 0..5 {
        assert!(timeout(IDLE / 2, connection.idle_for(IDLE)).await.is_err());
        assert!(poll!(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).is_ready());
    }
    let begin = Instant::now();
    connection.idle_for(IDLE).await;
    assert_eq!(begin.elapsed().as_secs(), IDLE.as_secs());
}
