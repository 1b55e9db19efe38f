//! A call with a live token asks Redis nothing.

use std::time::Duration;

use crate::{scene::Scene, server::Server, workers::Fleet};

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_warm_calls_are_no_redis_command() {
    let (scene, redis) = (Scene::with_tokens_for(Duration::from_secs(3600)).await, Server::start(&[]).await);
    let mut fleet = Fleet::start(4, &scene.setup("one", &[redis.url()])).await;
    assert_eq!(fleet.calls(1).await.failed, 0);
    let before = redis.info("stats", "total_commands_processed");
    assert_eq!(fleet.calls(2_500).await.failed, 0);
    let after = redis.info("stats", "total_commands_processed");
    // The first `INFO` counts itself; `redis-cli` says hello.
    assert!(after - before <= 2, "{}", after - before);
    assert_eq!(scene.token_requests(), 1);
}
