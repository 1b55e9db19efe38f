use axum::body::Body;
use tokio::time::{advance, timeout};

use super::*;
use crate::limits::HeldBody;

const TIME: Duration = Duration::from_secs(300);

#[tokio::test(start_paused = true)]
async fn connection_without_a_request_is_unused() {
    let (connection, begin) = (ConnectionUsage::new(), Instant::now());
    connection.unused_for(TIME).await;
    assert_eq!(begin.elapsed().as_secs(), TIME.as_secs());
}

#[tokio::test(start_paused = true)]
async fn connection_with_a_waiting_request_is_used() {
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
async fn each_request_restarts_the_idle_time() {
    let connection = ConnectionUsage::new();
    for _ in 0..5 {
        assert!(timeout(TIME / 2, connection.unused_for(TIME)).await.is_err());
        drop(connection.begin());
    }
    advance(TIME).await;
    assert!(timeout(Duration::ZERO, connection.unused_for(TIME)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn response_in_flight_uses_a_connection() {
    let connection = ConnectionUsage::new();
    let response = HeldBody::new(Body::from("answer"), connection.begin());
    assert!(timeout(10 * TIME, connection.unused_for(TIME)).await.is_err());
    drop(response);
    let begin = Instant::now();
    connection.unused_for(TIME).await;
    assert_eq!(begin.elapsed().as_secs(), TIME.as_secs());
}
