//! A call with a cached token sends no Redis command.

use std::{
    task::{Context, Waker},
    time::Duration,
};

use allocation_counter::measure;
use http::Request;
use passport_outbound::{AllowedOrigins, AttachTokenLayer};
use passport_test_support::harness::EmptyResponse;
use tower::{Layer, Service};

use crate::{
    harness::{Setup, store, token},
    redis_server::RedisServer,
    workers::Fleet,
};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_cached_calls_send_no_redis_command() {
    let (setup, redis) =
        (Setup::with_tokens_for(Duration::from_secs(3600)).await, RedisServer::start(&[]).await);
    let mut fleet = Fleet::start(4, &setup.worker_config("one", &[redis.url()])).await;
    assert_eq!(fleet.calls(1).await.failed, 0);
    let before = redis.info("stats", "total_commands_processed");
    assert_eq!(fleet.calls(2_500).await.failed, 0);
    let after = redis.info("stats", "total_commands_processed");
    // The first `INFO` counts itself, and `redis-cli` sends a `HELLO`.
    assert!(after - before <= 2, "{}", after - before);
    assert_eq!(setup.token_requests(), 1);
}

#[tokio::test]
async fn call_with_a_token_from_redis_allocates_nothing() {
    let (setup, redis) =
        (Setup::with_tokens_for(Duration::from_secs(3600)).await, RedisServer::start(&[]).await);
    token(&setup.identity(store(&redis.url()))).await;
    let identity = setup.identity(store(&redis.url()));
    token(&identity).await;
    assert_eq!(setup.token_requests(), 1, "the token came from Redis");
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
    let mut client = AttachTokenLayer::new(identity, origins).layer(EmptyResponse);
    let mut cached_call = || {
        let request = Request::get("https://api.bizfirst.ai/x").header("accept", "*/*").body(()).unwrap();
        let (mut request, mut cx) = (Some(request), Context::from_waker(Waker::noop()));
        let counted = measure(|| {
            assert!(client.poll_ready(&mut cx).is_ready());
            let future = client.call(request.take().unwrap());
            assert!(std::pin::pin!(future).poll(&mut cx).is_ready());
        });
        counted.count_total
    };
    // The service makes private copies at the second call.
    let _ = (cached_call(), cached_call());
    assert_eq!(cached_call(), 0);
}
