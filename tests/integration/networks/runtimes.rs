use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use passport_outbound::{ManagedIdentityHttpClient, TokenCache};
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

use super::*;
use crate::harness::api;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Returns the token after 10 ms, in place of the other work of a call.
async fn call(identity: &ManagedIdentity) -> String {
    let token = identity.token().await.unwrap();
    tokio::time::sleep(SECOND / 100).await;
    token.expose().to_owned()
}

/// A blocking service: each call creates a runtime and drops it afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_runtime_per_call_fails_no_call_in_three_lifetimes() {
    let passport = DevPassport::builder().token_lifetime(3 * SECOND).start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = identity_builder(&passport, &registered).build().unwrap();
    let calls = tokio::task::spawn_blocking(move || {
        let (start, mut calls, mut tokens) = (Instant::now(), 0, std::collections::HashSet::new());
        while start.elapsed() < 9 * SECOND {
            tokens.insert(runtime().block_on(call(&identity)));
            calls += 1;
        }
        // The last refresh may still be running.
        while identity.status().is_fetching() {
            thread::yield_now();
        }
        tokens.insert(runtime().block_on(identity.token()).unwrap().expose().to_owned());
        (calls, tokens.len())
    });
    let (calls, tokens) = calls.await.unwrap();
    let requests = passport.counters().token();
    assert!(tokens >= 3, "{calls} calls, {tokens} tokens");
    assert!(requests <= tokens as u64 + 1, "{requests} requests for {tokens} tokens, {calls} calls");
}

/// A test suite: each test has a runtime, and all share one client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn static_client_serves_400_tests_with_one_runtime_each() {
    for cache in [TokenCache::memory(), TokenCache::disabled()] {
        let passport = DevPassport::start().await.unwrap();
        let api = api(&passport).await;
        let registered = passport.managed_identity("payroll").create();
        let identity = identity_builder(&passport, &registered).token_cache(cache.clone()).build().unwrap();
        let client = ManagedIdentityHttpClient::new(identity, &api).unwrap();
        let failures = tokio::task::spawn_blocking(move || {
            let (shared, failures) = (OnceLock::from(client), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            let client = shared.get().unwrap();
                            let outcome = runtime().block_on(client.get("/internal/sync").send());
                            if let Err(error) = outcome.map(|response| assert_eq!(response.status(), 200)) {
                                failures.fetch_add(1, Ordering::SeqCst);
                                eprintln!("{error:?}");
                            }
                        }
                    });
                }
            });
            failures.into_inner()
        });
        assert_eq!(failures.await.unwrap(), 0, "{cache:?}");
    }
}

/// The tests of an API: each has a runtime, and all share one verifier. Some tests are canceled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn static_verifier_serves_400_tests_with_one_runtime_each() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = crate::harness::verifier(&passport);
    let token = passport.user_token("33").build();
    passport.inject(passport_dev::Endpoint::Jwks, passport_dev::Fault::Slow(SECOND / 10));
    let failures = tokio::task::spawn_blocking(move || {
        let failures = AtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..8 {
                let (verifier, token, failures) = (&verifier, &token, &failures);
                scope.spawn(move || {
                    for call in 0..50 {
                        let verify = verifier.verify(token);
                        if call == 0 && thread < 4 {
                            // The fetch that this call may have started ends with its runtime.
                            let canceled = async { tokio::time::timeout(SECOND / 50, verify).await };
                            let _ = runtime().block_on(canceled);
                        } else if let Err(error) = runtime().block_on(verify) {
                            failures.fetch_add(1, Ordering::SeqCst);
                            eprintln!("{error:?}");
                        }
                    }
                });
            }
        });
        failures.into_inner()
    });
    assert_eq!(failures.await.unwrap(), 0);
}
