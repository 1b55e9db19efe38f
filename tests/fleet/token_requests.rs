//! Token requests of a fleet without faults, and after the lease holder was killed.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use passport_dev::{Endpoint, Fault};

use crate::{
    harness::{Setup, figure},
    redis_server::RedisServer,
    workers::{Fleet, Worker},
};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn one_token_request_for_64_processes_with_100_callers() {
    let (setup, redis) = (Setup::alone(HOUR).await, RedisServer::start(&[]).await);
    let mut fleet = Fleet::start(64, &setup.worker_config("one", &[redis.url()])).await;
    let began = Instant::now();
    let report = fleet.calls(100).await;
    figure("64 processes x 100 callers, cold", began.elapsed(), &report, setup.token_requests());
    assert_eq!((report.succeeded, report.failed), (6400, 0), "{report:?}");
    assert_eq!(setup.token_requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_request_per_process_without_a_store() {
    let setup = Setup::with_tokens_for(HOUR).await;
    let mut fleet = Fleet::start(8, &setup.worker_config_without_redis()).await;
    let began = Instant::now();
    let report = fleet.calls(100).await;
    figure(
        "8 processes x 100 callers, cold, without Redis",
        began.elapsed(),
        &report,
        setup.token_requests(),
    );
    assert_eq!((report.failed, setup.token_requests()), (0, 8), "{report:?}");
}

/// A token lives for 4 s (3 s at least, because `exp` has whole seconds), so a refresh is due
/// after 1.2 to 2 s. Two requests for one lifetime would come from instances with different
/// jitter, and so be at most 0.4 s apart.
#[tokio::test(flavor = "multi_thread")]
async fn one_token_request_per_lifetime_for_20_lifetimes() {
    let (setup, redis) = (Setup::with_tokens_for(4 * SECOND).await, RedisServer::start(&[]).await);
    let mut fleet = Fleet::start(16, &setup.worker_config("one", &[redis.url()])).await;
    fleet.calls(1).await;
    let (began, before) = (Instant::now(), setup.token_requests());
    fleet.begin_load(40 * SECOND, Duration::from_millis(100)).await;
    let mut asked_at = vec![];
    while asked_at.len() < 20 {
        let next = setup.passport.counters().reached(Endpoint::Token, before + asked_at.len() as u64 + 1);
        timeout(10 * SECOND, next).await.expect("there is a next one");
        asked_at.push(Instant::now());
    }
    let report = fleet.report().await;
    figure("16 processes under load, for 20 lifetimes", began.elapsed(), &report, setup.token_requests());
    assert_eq!(report.failed, 0, "{report:?}");
    let closest = asked_at.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(closest > Duration::from_millis(800), "{closest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_lease_holder_costs_one_request_and_one_lease() {
    let (setup, redis) = (Setup::with_tokens_for(HOUR).await, RedisServer::start(&[]).await);
    // Passport does not respond before the holder is killed.
    setup.passport.inject(Endpoint::Token, Fault::Slow(60 * SECOND));
    let config = setup.worker_config("one", &[redis.url()]);
    let mut holder = Worker::start(&config).await;
    let mut fleet = Fleet::start(16, &config).await;
    holder.begin_calls(1).await;
    setup.passport.counters().reached(Endpoint::Token, 1).await;
    setup.passport.clear_fault(Endpoint::Token);
    for worker in &mut fleet.0 {
        worker.begin_calls(10).await;
    }
    // Each instance has sent its script to Redis, and waits for the holder.
    let evaluations = |clients: &str| clients.matches(" cmd=eval ").count();
    redis.wait_until(&["CLIENT", "LIST"], |clients| evaluations(clients) == 17).await;
    assert_eq!(setup.token_requests(), 1);
    let began = Instant::now();
    holder.kill().await;
    let report = fleet.report().await;
    let took = began.elapsed();
    figure("the holder of the lease is killed", took, &report, setup.token_requests());
    assert_eq!((report.succeeded, report.failed, setup.token_requests()), (160, 0, 2), "{report:?}");
    // The lease lasts 3 s. If it did not expire, the fleet would wait for 10 s.
    assert!(took < 9 * SECOND, "{took:?}");
}
