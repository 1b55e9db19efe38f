//! What a fleet asks of Passport when all goes well, and when its holder of the lease does not.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use passport_dev::{Endpoint, Fault};

use crate::{
    scene::{Scene, figure},
    server::Server,
    workers::{Fleet, Worker},
};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_processes_with_a_hundred_callers_each_make_one_token_request() {
    let (scene, redis) = (Scene::with_tokens_for(HOUR).await, Server::start(&[]).await);
    let mut fleet = Fleet::start(64, &scene.setup("one", &[redis.url()])).await;
    let began = Instant::now();
    let report = fleet.calls(100).await;
    figure("64 processes x 100 callers, cold", began.elapsed(), &report, scene.token_requests());
    assert_eq!((report.succeeded, report.failed), (6400, 0), "{report:?}");
    assert_eq!(scene.token_requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_each_process_makes_its_own() {
    let scene = Scene::with_tokens_for(HOUR).await;
    let mut fleet = Fleet::start(8, &scene.setup_without_redis()).await;
    let began = Instant::now();
    let report = fleet.calls(100).await;
    figure(
        "8 processes x 100 callers, cold, without Redis",
        began.elapsed(),
        &report,
        scene.token_requests(),
    );
    assert_eq!((report.failed, scene.token_requests()), (0, 8), "{report:?}");
}

/// A token lives for 4 s here (3 s at least, as `exp` has whole seconds), so it is due after 1.2 to 2 s. Were there two requests
/// for one lifetime, they would be made by instances whose jitter is apart by 0.4 s at most.
#[tokio::test(flavor = "multi_thread")]
async fn for_twenty_lifetimes_there_is_one_token_request_each() {
    let (scene, redis) = (Scene::with_tokens_for(4 * SECOND).await, Server::start(&[]).await);
    let mut fleet = Fleet::start(16, &scene.setup("one", &[redis.url()])).await;
    fleet.calls(1).await;
    let (began, before) = (Instant::now(), scene.token_requests());
    fleet.begin_load(40 * SECOND, Duration::from_millis(100)).await;
    let mut asked_at = vec![];
    while asked_at.len() < 20 {
        let next = scene.passport.counters().reached(Endpoint::Token, before + asked_at.len() as u64 + 1);
        timeout(10 * SECOND, next).await.expect("there is a next one");
        asked_at.push(Instant::now());
    }
    let report = fleet.report().await;
    figure("16 processes under load, for 20 lifetimes", began.elapsed(), &report, scene.token_requests());
    assert_eq!(report.failed, 0, "{report:?}");
    let closest = asked_at.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(closest > Duration::from_millis(800), "{closest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_killed_costs_one_more_request_and_one_lease() {
    let (scene, redis) = (Scene::with_tokens_for(HOUR).await, Server::start(&[]).await);
    scene.passport.inject(Endpoint::Token, Fault::Slow(2 * SECOND));
    let setup = scene.setup("one", &[redis.url()]);
    let mut holder = Worker::start(&setup).await;
    let mut fleet = Fleet::start(16, &setup).await;
    holder.begin_calls(1).await;
    scene.passport.counters().reached(Endpoint::Token, 1).await;
    for worker in &mut fleet.0 {
        worker.begin_calls(100).await;
    }
    // The fleet waits for the holder; nobody else has asked.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(scene.token_requests(), 1);
    let began = Instant::now();
    holder.kill().await;
    let report = fleet.report().await;
    let took = began.elapsed();
    figure("the holder of the lease is killed", took, &report, scene.token_requests());
    assert_eq!((report.failed, scene.token_requests()), (0, 2), "{report:?}");
    // The lease is 3 s, and Passport takes 2 s; without an end of it, the fleet would wait for 10 s.
    assert!(took < 9 * SECOND, "{took:?}");
}
