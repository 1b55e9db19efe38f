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
