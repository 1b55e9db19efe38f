use futures_util::future::join_all;
use http::StatusCode;
use passport_dev::{Endpoint, Fault};
use passport_outbound::{Clock, TokenError, TokenErrorKind};

use super::*;

struct Setup {
    passport: DevPassport,
    identity: ManagedIdentity,
    clock: ManualClock,
}

/// Returns the timeout of an attempt: short if the fault hangs, and otherwise long enough for a
/// loaded machine.
fn attempt_timeout(fault: &Fault) -> Duration {
    if matches!(fault, Fault::Slow(_)) { SECOND / 5 } else { 10 * SECOND }
}

/// Returns a service with a token that is due for a refresh.
async fn service_due_for_a_refresh(attempt_timeout: Duration) -> Setup {
    let passport = DevPassport::start().await.unwrap();
    let clock = clock();
    let registered = passport.managed_identity("payroll").create();
    let builder = builder(&passport, &registered).clock(clock.clone()).request_timeout(attempt_timeout);
    let identity = builder.build().unwrap();
    while identity.ready().await.is_err() {}
    clock.advance(REFRESH_AGE);
    Setup { passport, identity, clock }
}

/// Waits until no attempt is running.
async fn settle(identity: &ManagedIdentity) {
    while identity.status().is_fetching() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn outage_within_the_token_lifetime_fails_no_call() {
    for fault in [Fault::Status(StatusCode::SERVICE_UNAVAILABLE), Fault::Slow(HOUR)] {
        let Setup { passport, identity, clock } = service_due_for_a_refresh(attempt_timeout(&fault)).await;
        passport.inject(Endpoint::Token, fault.clone());
        let mut client = instant_client(&identity);
        for _ in 0..490 {
            assert!(is_ready_at_first_poll(&mut client), "{fault:?}");
            settle(&identity).await;
            clock.advance(SECOND / 10);
        }
        assert_eq!(identity.status().last_error().unwrap().kind(), TokenErrorKind::Unavailable);
        recovers(&passport, &identity, &clock, &fault).await;
    }
}

/// Asserts that the identity recovers one backoff step after the outage. (The assertion is
/// skipped where the timeout of an attempt is too short for a busy machine.)
async fn recovers(passport: &DevPassport, identity: &ManagedIdentity, clock: &ManualClock, fault: &Fault) {
    passport.clear_fault(Endpoint::Token);
    for _ in 0..20 {
        let pause = identity.status().retry_at().map(|at| at.duration_since(clock.now()).unwrap());
        assert!(pause.unwrap_or_default() <= 30 * SECOND, "{pause:?}");
        clock.advance(pause.unwrap_or_default() + Duration::from_millis(1));
        let outcome = identity.token().await;
        settle(identity).await;
        if outcome.is_ok() && identity.status().last_error().is_none() {
            return;
        }
        assert!(matches!(fault, Fault::Slow(_)), "{outcome:?}");
    }
    panic!("it does not recover");
}

#[tokio::test]
async fn outage_after_expiry_is_one_typed_error_per_attempt() {
    for fault in [Fault::Status(StatusCode::SERVICE_UNAVAILABLE), Fault::Slow(HOUR), Fault::Down] {
        let Setup { passport, identity, clock } = service_due_for_a_refresh(attempt_timeout(&fault)).await;
        passport.inject(Endpoint::Token, fault.clone());
        clock.advance(60 * SECOND);
        let mut attempts = 0;
        for _ in 0..300 {
            let asked_before = passport.counters().token();
            let errors = join_all((0..100).map(|_| identity.token())).await;
            assert!(errors.into_iter().all(|error| error.unwrap_err().kind() == TokenErrorKind::Unavailable));
            let asked = passport.counters().token() - asked_before;
            // An abandoned request may arrive late, and count in the next round.
            assert!(asked <= 1 || matches!(fault, Fault::Slow(_)), "{fault:?}: {asked}");
            attempts += asked;
            clock.advance(SECOND);
        }
        // The backoff is 0.8 s to 8 s while no token is live. A request that hangs is sent twice
        // each time.
        let requests = if matches!(fault, Fault::Slow(_)) { 2 } else { 1 };
        assert!((30..=120 * requests).contains(&attempts), "{fault:?}: {attempts}");

        recovers(&passport, &identity, &clock, &fault).await;
    }
}

#[tokio::test]
async fn retry_after_is_honored_in_seconds_and_as_a_date() {
    for retry_after in ["120", "Sun, 15 Jun 2025 16:08:40 GMT"] {
        let Setup { passport, identity, clock } = service_due_for_a_refresh(10 * SECOND).await;
        passport.inject(Endpoint::Token, Fault::Throttled(retry_after.to_owned()));
        clock.advance(55 * SECOND); // 2025-06-15 16:06:40 GMT: the token has expired
        let error = identity.token().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.status().unwrap()),
            (TokenErrorKind::Unavailable, StatusCode::TOO_MANY_REQUESTS)
        );
        passport.clear_fault(Endpoint::Token);
        clock.advance(60 * SECOND);
        assert!(identity.token().await.is_err(), "{retry_after}");
        assert_eq!(passport.counters().token(), 2);
        clock.advance(60 * SECOND);
        assert!(identity.token().await.is_ok(), "{retry_after}");
    }
}

#[tokio::test]
async fn request_without_a_token_fails_with_the_typed_error() {
    let Setup { passport, identity, clock } = service_due_for_a_refresh(10 * SECOND).await;
    passport.inject(Endpoint::Token, Fault::Down);
    clock.advance(60 * SECOND);
    let mut client = instant_client(&identity);
    for _ in 0..2 {
        let request = Request::get("https://api.bizfirst.ai/x").body(()).unwrap();
        let error = client.call(request).await.unwrap_err().downcast::<TokenError>().unwrap();
        assert_eq!(error.kind(), TokenErrorKind::Unavailable);
        assert!(error.to_string().contains("check that Passport is up"), "{error}");
    }
    assert_eq!(passport.counters().token(), 2);
}
