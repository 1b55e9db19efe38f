use futures_util::future::join_all;
use passport_dev::{Endpoint, Fault};

use super::*;

const HERD: usize = 10_000;

async fn herd(identity: &ManagedIdentity) {
    let callers = (0..HERD).map(|_| {
        let identity = identity.clone();
        tokio::spawn(async move { identity.token().await.map(drop) })
    });
    for caller in join_all(callers).await {
        caller.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn one_token_request_for_10000_callers_at_expiry() {
    let passport = DevPassport::start().await.unwrap();
    let clock = clock();
    let registered = passport.managed_identity("payroll").create();
    let identity = builder(&passport, &registered).clock(clock.clone()).build().unwrap();
    identity.ready().await.unwrap();
    clock.advance(HOUR);
    herd(&identity).await;
    assert_eq!(passport.counters().token(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn one_token_request_for_10000_cold_callers() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    herd(&builder(&passport, &registered).build().unwrap()).await;
    assert_eq!(passport.counters().token(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn canceled_first_caller_affects_no_other_caller() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = builder(&passport, &registered).build().unwrap();
    passport.inject(Endpoint::Token, Fault::Slow(2 * SECOND));
    let first = tokio::spawn({
        let identity = identity.clone();
        async move { identity.token().await.map(drop) }
    });
    passport.counters().reached(Endpoint::Token, 1).await;
    let others = tokio::spawn(async move { herd(&identity).await });
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    others.await.unwrap();
    assert_eq!(passport.counters().token(), 1);
}

/// Ten services and ten refreshes each, under continuous load. Each refresh takes half a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_fails_or_waits_in_100_refreshes() {
    let passport = DevPassport::start().await.unwrap();
    let services = (0..10).map(|service| {
        let registered = passport.managed_identity(&format!("service-{service}")).create();
        let clock = clock();
        let identity = builder(&passport, &registered).clock(clock.clone()).build().unwrap();
        tokio::spawn(async move {
            identity.ready().await.unwrap();
            let mut client = instant_client(&identity);
            let mut served = 0_u64;
            for _ in 0..10 {
                let before = identity.status().expires_at();
                clock.advance(REFRESH_AGE);
                while identity.status().expires_at() == before {
                    for _ in 0..100 {
                        assert!(is_ready_at_first_poll(&mut client), "after {served} calls");
                        served += 1;
                    }
                    tokio::task::yield_now().await;
                }
            }
            served
        })
    });
    passport.inject(Endpoint::Token, Fault::Slow(SECOND / 2));
    let services: Vec<_> = services.collect();
    let served = join_all(services).await.into_iter().map(Result::unwrap).sum::<u64>();
    assert_eq!(passport.counters().token(), 110);
    assert!(served > 10_000, "{served} calls are no load");
}
