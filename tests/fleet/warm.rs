//! A call with a live token asks Redis nothing.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll, Waker},
    time::Duration,
};

use allocation_counter::measure;
use http::{Request, Response};
use passport_outbound::{AllowedOrigins, AttachTokenLayer};
use tower::{Layer, Service};

use crate::{
    scene::{Scene, store, token},
    server::Server,
    workers::Fleet,
};

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

/// A request in, an empty response out, without an allocation.
#[derive(Clone)]
struct AtOnce;

impl Service<Request<()>> for AtOnce {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(String::new())))
    }
}

#[tokio::test]
async fn a_warm_call_allocates_nothing_also_if_its_token_came_from_redis() {
    let (scene, redis) = (Scene::with_tokens_for(Duration::from_secs(3600)).await, Server::start(&[]).await);
    token(&scene.identity(store(&redis.url()))).await;
    let identity = scene.identity(store(&redis.url()));
    token(&identity).await;
    assert_eq!(scene.token_requests(), 1, "it came from Redis");
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
    let mut client = AttachTokenLayer::new(identity, origins).layer(AtOnce);
    let mut warm_call = || {
        let request = Request::get("https://api.bizfirst.ai/x").header("accept", "*/*").body(()).unwrap();
        let (mut request, mut cx) = (Some(request), Context::from_waker(Waker::noop()));
        let counted = measure(|| {
            assert!(client.poll_ready(&mut cx).is_ready());
            let future = client.call(request.take().unwrap());
            assert!(std::pin::pin!(future).poll(&mut cx).is_ready());
        });
        counted.count_total
    };
    warm_call();
    assert_eq!(warm_call(), 0);
}
