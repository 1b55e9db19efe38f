//! Calls while Redis is disturbed. Tokens live for 4 s, so that a fleet without its store needs
//! many. Without a store an instance requests one every 1.2 s at most.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use crate::{
    harness::{Setup, figure},
    redis_server::RedisServer,
    workers::{Fleet, Report},
};

const SECOND: Duration = Duration::from_secs(1);
const LIFETIME: Duration = Duration::from_secs(4);
const INSTANCES: usize = 8;

/// Runs eight instances under load for `duration`, and `disturbance` after one second. Asserts
/// that no call fails, that there are at most `at_most` token requests, and that the fleet
/// returns to one request per lifetime afterwards.
async fn under_load(
    setup: &Setup,
    fleet: &mut Fleet,
    what: &str,
    duration: Duration,
    at_most: u64,
    disturbance: impl Future<Output = ()>,
) -> Report {
    let (began, before) = (Instant::now(), setup.token_requests());
    fleet.begin_load(duration + FINAL_CHECK, Duration::from_millis(25)).await;
    sleep(SECOND).await;
    disturbance.await;
    sleep(duration.saturating_sub(began.elapsed())).await;
    let requests = setup.token_requests() - before;
    let report = fleet.report().await;
    figure(what, duration, &report, requests);
    assert_eq!(report.failed, 0, "{report:?}");
    assert!(requests <= at_most, "{requests} token requests");
    // Eight instances that do not share make 16 or more.
    let final_requests = setup.token_requests() - before - requests;
    assert!(final_requests <= 4, "{final_requests} token requests in the final check");
    report
}

/// The duration of the final check that the fleet shares again.
const FINAL_CHECK: Duration = Duration::from_secs(4);

/// Returns the maximum number of requests in `seconds` if each instance fetches its own tokens
/// for `alone` of that time.
fn requests_in(seconds: u64, alone: Duration) -> u64 {
    let each = |time: Duration| u64::try_from(time.as_millis() / 1200 + 2).unwrap();
    each(Duration::from_secs(seconds)) + INSTANCES as u64 * each(alone)
}

async fn setup() -> (Setup, RedisServer, Fleet) {
    let setup = Setup::with_tokens_for(LIFETIME).await;
    let redis = RedisServer::start(&[]).await;
    let mut fleet = Fleet::start(INSTANCES, &setup.worker_config("one", &[redis.url()])).await;
    assert_eq!(fleet.calls(1).await.failed, 0);
    (setup, redis, fleet)
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_of_redis_fails_no_call() {
    let (setup, mut redis, mut fleet) = setup().await;
    let disturbance = async {
        redis.kill();
        sleep(4 * SECOND).await;
        redis.restart().await;
    };
    let most = requests_in(12, 10 * SECOND);
    under_load(&setup, &mut fleet, "Redis killed, missing for 4 s", 12 * SECOND, most, disturbance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_shares_again_after_an_outage_of_redis() {
    let (setup, mut redis, mut fleet) = setup().await;
    redis.kill();
    // Each instance notices the outage and fetches its own token.
    fleet.begin_load(4 * SECOND, Duration::from_millis(25)).await;
    assert_eq!(fleet.report().await.failed, 0);
    redis.restart().await;
    // The store is probed after 6 s at the latest.
    sleep(6 * SECOND).await;
    assert_eq!(fleet.calls(1).await.failed, 0);
    sleep(LIFETIME).await;
    let before = setup.token_requests();
    assert_eq!(fleet.calls(10).await.failed, 0);
    assert_eq!(setup.token_requests() - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_redis_at_the_start_fails_no_call() {
    let setup = Setup::with_tokens_for(LIFETIME).await;
    let mut redis = RedisServer::start(&[]).await;
    redis.kill();
    let mut fleet = Fleet::start(INSTANCES, &setup.worker_config("one", &[redis.url()])).await;
    let began = Instant::now();
    let report = fleet.calls(100).await;
    figure("Redis is missing at the start", began.elapsed(), &report, setup.token_requests());
    assert_eq!((report.failed, setup.token_requests()), (0, INSTANCES as u64), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_stopped_for_10_s_fails_no_call() {
    let (setup, redis, mut fleet) = setup().await;
    let disturbance = async {
        redis.signal(Signal::SIGSTOP);
        sleep(10 * SECOND).await;
        redis.signal(Signal::SIGCONT);
    };
    let most = requests_in(18, 16 * SECOND);
    let report =
        under_load(&setup, &mut fleet, "Redis frozen for 10 s", 18 * SECOND, most, disturbance).await;
    // The limit is 0.5 s; the rest allows for a loaded machine.
    assert!(report.longest_ms < 3000.0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_pause_fails_no_call() {
    let (setup, redis, mut fleet) = setup().await;
    let disturbance = async {
        assert_eq!(redis.cli(&["CLIENT", "PAUSE", "3000", "ALL"]), "OK");
    };
    let most = requests_in(10, 9 * SECOND);
    under_load(&setup, &mut fleet, "CLIENT PAUSE for 3 s", 10 * SECOND, most, disturbance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_connections_cause_no_additional_token_request() {
    let (setup, redis, mut fleet) = setup().await;
    let disturbance = async {
        for _ in 0..10 {
            redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
            redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            sleep(SECOND / 2).await;
        }
    };
    let most = requests_in(8, Duration::ZERO);
    under_load(&setup, &mut fleet, "connections closed 10 times", 8 * SECOND, most, disturbance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flush_fails_no_call_and_refetches_no_cached_token() {
    let (setup, redis, mut fleet) = setup().await;
    let disturbance = async {
        for _ in 0..20 {
            assert_eq!(redis.cli(&["FLUSHALL"]), "OK");
            sleep(SECOND / 4).await;
        }
    };
    let most = requests_in(8, Duration::ZERO) + 20;
    under_load(&setup, &mut fleet, "FLUSHALL 20 times in 5 s", 8 * SECOND, most, disturbance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_becomes_a_replica_fails_no_call() {
    let (setup, redis, mut fleet) = setup().await;
    let primary = RedisServer::start(&[]).await;
    let disturbance = async {
        assert_eq!(redis.cli(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]), "OK");
        sleep(4 * SECOND).await;
        assert_eq!(redis.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
    };
    let most = requests_in(12, 10 * SECOND);
    under_load(&setup, &mut fleet, "a read-only replica for 4 s", 12 * SECOND, most, disturbance).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_redis_fails_no_call() {
    let (setup, redis, mut fleet) = setup().await;
    let disturbance = async {
        assert_eq!(redis.cli(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
        sleep(4 * SECOND).await;
        assert_eq!(redis.cli(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    };
    let most = requests_in(12, 10 * SECOND);
    under_load(&setup, &mut fleet, "Redis is full for 4 s", 12 * SECOND, most, disturbance).await;
}

/// Without Redis and without Passport, the tokens in memory are used.
#[tokio::test(flavor = "multi_thread")]
async fn cached_token_needs_neither_redis_nor_passport() {
    let setup = Setup::with_tokens_for(60 * SECOND).await;
    let mut redis = RedisServer::start(&[]).await;
    let mut fleet = Fleet::start(INSTANCES, &setup.worker_config("one", &[redis.url()])).await;
    assert_eq!(fleet.calls(1).await.failed, 0);
    redis.kill();
    setup.passport.inject(passport_dev::Endpoint::Token, passport_dev::Fault::Down);
    assert_eq!(fleet.calls(100).await.failed, 0);
    assert_eq!(setup.token_requests(), 1);
}
