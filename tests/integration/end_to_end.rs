//! End to end: a managed identity calls a service that authenticates and authorizes it.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_outbound::{ManagedIdentity, SecretSource, TokenError, TokenErrorKind};
use serde_json::{Value, json};

use crate::harness::{api, client, get_with, identity, status_with};

#[tokio::test(flavor = "multi_thread")]
async fn one_token_request_and_one_jwks_fetch_for_1000_first_calls() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let api = api(&passport).await;
    let client = client(identity(&passport, &registered), &api);
    let url = format!("{api}/whoami");
    for response in join_all((0..1000).map(|_| get_with(&client, &url))).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    assert_eq!(passport.counters().token(), 1);
    assert_eq!(passport.counters().jwks(), 1);
}

#[tokio::test]
async fn api_sees_the_managed_identity() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").tenant("t-9").role("payroll.read").create();
    let api = api(&passport).await;
    let client = client(identity(&passport, &registered), &api);
    let seen: Value = get_with(&client, &format!("{api}/whoami")).await.unwrap().json().await.unwrap();
    assert_eq!(
        seen,
        json!({
            "user_id": "mi-payroll-clientid",
            "tenant_id": "t-9",
            "email": null,
            "display_name": "payroll",
            "roles": ["payroll.read"],
            "is_service_account": true,
            "managed_identity_id": registered.managed_identity_id(),
        })
    );
}

#[tokio::test]
async fn service_route_is_for_service_accounts_only() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let api = api(&passport).await;
    let url = format!("{api}/internal/sync");
    let user = passport.user_token("alice").build();
    assert_eq!(status_with(&url, Some(&registered.token().build())).await, 200);
    assert_eq!(status_with(&url, Some(&user)).await, 403);
    assert_eq!(status_with(&url, None).await, 401);
}

#[tokio::test]
async fn token_refresh_and_key_rotation_fail_no_call() {
    let passport = DevPassport::builder().token_lifetime(Duration::from_secs(2)).start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let api = api(&passport).await;
    let client = client(identity(&passport, &registered), &api);
    let url = format!("{api}/whoami");
    let (mut rotated, mut calls) = (false, 0);
    while passport.counters().token() < 4 {
        if passport.counters().token() == 2 && !rotated {
            passport.rotate_keys().await;
            rotated = true;
        }
        assert_eq!(get_with(&client, &url).await.unwrap().status(), 200);
        calls += 1;
    }
    assert!(rotated && calls > 10, "{calls}");
    assert_eq!(get_with(&client, &url).await.unwrap().status(), 200);
    assert_eq!(passport.counters().jwks(), 2);
}

/// The refresh never ends, so a call that waited for it would not end either.
#[tokio::test]
async fn no_call_waits_for_a_refresh_while_the_token_is_live() {
    let passport = DevPassport::builder().token_lifetime(Duration::from_secs(8)).start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let api = api(&passport).await;
    let client = client(identity(&passport, &registered), &api);
    let url = format!("{api}/whoami");
    get_with(&client, &url).await.unwrap();
    passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3600)));
    while passport.counters().token() < 2 {
        assert_eq!(get_with(&client, &url).await.unwrap().status(), 200);
    }
    for _ in 0..100 {
        assert_eq!(get_with(&client, &url).await.unwrap().status(), 200);
    }
    assert_eq!(passport.counters().token(), 2);
}

#[tokio::test]
async fn service_that_starts_while_passport_is_down_recovers() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let api = api(&passport).await;
    passport.inject(Endpoint::Token, Fault::Down);
    let client = client(identity(&passport, &registered), &api);
    let url = format!("{api}/whoami");
    let error = get_with(&client, &url).await.unwrap_err();
    assert_eq!(error.downcast::<TokenError>().unwrap().kind(), TokenErrorKind::Unavailable);
    passport.clear_fault(Endpoint::Token);
    let healed = async {
        while get_with(&client, &url).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), healed)
        .await
        .expect("the first pause is half a second at most");
}

#[tokio::test]
async fn each_failure_of_the_token_endpoint_is_a_typed_error() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    for (fault, kind) in [
        (Fault::Down, TokenErrorKind::Unavailable),
        (Fault::Status(http::StatusCode::SERVICE_UNAVAILABLE), TokenErrorKind::Unavailable),
        (Fault::Status(http::StatusCode::FORBIDDEN), TokenErrorKind::Rejected),
        (Fault::Status(http::StatusCode::NO_CONTENT), TokenErrorKind::InvalidResponse),
        (Fault::Html, TokenErrorKind::InvalidResponse),
        (Fault::Truncated, TokenErrorKind::Unavailable),
        (Fault::Oversize(65 * 1024), TokenErrorKind::InvalidResponse),
        (Fault::Oversize(2_000_000), TokenErrorKind::InvalidResponse),
        (Fault::Status(http::StatusCode::OK), TokenErrorKind::InvalidResponse),
        (Fault::Throttled("1".to_owned()), TokenErrorKind::Unavailable),
        (Fault::Redirect("http://127.0.0.1:1/elsewhere".to_owned()), TokenErrorKind::InvalidResponse),
    ] {
        passport.inject(Endpoint::Token, fault.clone());
        let error = identity(&passport, &registered).token().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn hanging_token_endpoint_delays_a_call_by_the_timeout_only() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3600)));
    let identity = identity(&passport, &registered);
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    let error = identity.token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Unavailable);
    assert!(before.elapsed() <= Duration::from_millis(10_100), "{:?}", before.elapsed());
}

#[tokio::test]
async fn disabled_identity_and_wrong_secret_are_typed_errors() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let wrong = ManagedIdentity::builder(registered.client_id(), SecretSource::from_value("mics_sk_wrong"))
        .issuer(passport.issuer())
        .build()
        .unwrap();
    registered.disable();
    for identity in [wrong, identity(&passport, &registered)] {
        let error = identity.token().await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Rejected);
        assert_eq!(error.oauth_error(), Some("invalid_client"));
        assert!(error.to_string().contains("mi-payroll-clientid"), "{error}");
    }
}

#[tokio::test]
async fn secret_rotated_in_its_file_is_used_for_the_next_token() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), registered.secret()).unwrap();
    let build = || {
        let secret = SecretSource::file(file.path().to_str().unwrap());
        ManagedIdentity::builder(registered.client_id(), secret).issuer(passport.issuer()).build().unwrap()
    };
    build().token().await.unwrap();

    let second = registered.generate_secret();
    fs::write(file.path(), format!("{}\n", second.value())).unwrap();
    registered.revoke_secret(registered.secret_id());
    build().token().await.unwrap();
}

#[tokio::test]
async fn identities_that_share_a_cache_share_one_token() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let cache = passport_outbound::TokenCache::memory();
    let build = || {
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(passport.issuer())
            .token_cache(cache.clone())
            .build()
            .unwrap()
    };
    let (first, second) = (build(), build());
    assert_eq!(first.token().await.unwrap().expose(), second.token().await.unwrap().expose());
    assert_eq!(passport.counters().token(), 1);
}

/// A test suite with one runtime per test does the same.
#[test]
fn fetch_dropped_with_its_runtime_is_retried_on_another() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (lasting, short_lived) = (runtime(), runtime());
    let passport = lasting.block_on(DevPassport::start()).unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = identity(&passport, &registered);
    passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3600)));
    let leader = identity.clone();
    short_lived.spawn(async move { leader.token().await });
    lasting.block_on(passport.counters().reached(Endpoint::Token, 1));
    let follower = lasting.spawn(async move { identity.token().await });
    passport.clear_fault(Endpoint::Token);
    short_lived.shutdown_background();
    lasting.block_on(follower).unwrap().unwrap();
}
