use std::{convert::Infallible, future::pending, time::Duration};

use bytes::Bytes;
use http::{
    Request, Response, StatusCode,
    header::{self, COOKIE},
};
use http_body_util::Full;
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};
use tracing::Level;

use crate::{
    AuthenticateLayer, RejectionReason,
    test_support::{Log, START, ScriptedResponse, measured, setup},
    verify::VerifyProgress,
};

#[tokio::test]
async fn tokens_and_key_fetches_are_counted() {
    let setup = setup().await;
    let date = (header::DATE, "Sun, 15 Jun 2025 15:08:40 GMT"); // two minutes ahead
    setup.issuer.respond_with(ScriptedResponse::Keys(setup.passport.jwks(), vec![date]));
    let measured = measured(async {
        let verifier = setup.verifier();
        let good = setup.token().build();
        for _ in 0..2000 {
            verifier.verify(&good).await.unwrap();
        }
        verifier.verify(&setup.token().audience("other").build()).await.unwrap_err();
        verifier.verify("junk").await.unwrap_err();
        sleep(Duration::from_secs(600)).await;
        setup.issuer.respond_with(ScriptedResponse::body("[]"));
        sleep(Duration::from_secs(600)).await;
        drop(verifier);
    })
    .await;
    for (name, value) in [
        ("passport_inbound_tokens_total accepted", 2000.0),
        ("passport_inbound_tokens_total audience_mismatch", 1.0),
        ("passport_inbound_tokens_total malformed", 1.0),
        ("passport_inbound_keys", 1.0),
        ("passport_inbound_key_fetches_total installed", 1.0),
        ("passport_inbound_key_fetches_total unchanged", 1.0),
    ] {
        assert_eq!(measured.get(name), Some(&value), "{name}: {measured:#?}");
    }
    assert!(measured["passport_inbound_key_fetches_total not_a_key_set"] >= 1.0);
    assert!(measured["passport_inbound_keys_fetched_timestamp_seconds"] > 1_750_000_400.0);
    assert!((measured["passport_inbound_clock_difference_seconds"] + 480.0).abs() < 300.0, "{measured:#?}");
    for path in ["cold", "hit"] {
        let seconds = measured[&format!("passport_inbound_verification_duration_seconds {path}")];
        assert!(!seconds.is_nan(), "{path}: no time was recorded");
    }
}

#[tokio::test]
async fn rejections_are_logged_with_expected_and_actual_values() {
    let setup = setup().await;
    let log = Log::listen(Level::DEBUG);
    let verifier = setup.verifier();
    let token = || setup.token();
    for (token, expected, got) in [
        (token().audience("payroll").build(), "bizfirstgo-api", "payroll"),
        (token().claim("iss", "https://evil.example").build(), setup.passport.issuer(), "evil.example"),
        (token().expired_for(Duration::from_secs(300)).build(), "exp in the future", "300 s in the past"),
        (token().header("kid", "junk").build(), "signing-key-", "junk"),
        (token().header("typ", "logout+jwt").build(), "at+jwt", "logout+jwt"),
        (token().claim("exp", u64::from(START) * 1000).build(), "seconds since 1970", "s in the future"),
        (token().claim("exp", "soon").build(), "a JSON object", "exp: invalid type"),
        (token().without_claim("sub").build(), "sub", "missing or blank"),
        (token().claim("cnf", 5).build(), "no cnf", "cnf"),
        ("junk".to_owned(), "header.payload.signature", "4 bytes"),
        (token().header("alg", "none").build(), "RS256", "none"),
    ] {
        verifier.verify(&token).await.unwrap_err();
        let line = log.lines_with("token rejected").pop().unwrap();
        assert!(line.contains(expected) && line.contains(got), "{got}: {line}");
    }
}

#[tokio::test]
async fn too_large_token_is_logged_with_its_size() {
    let setup = setup().await;
    let log = Log::listen(Level::WARN);
    let large = setup.token().claim("padding", "x".repeat(12_000)).build();
    let outcome = setup.verifier().verify(&large).await;
    assert_eq!(outcome.unwrap_err().reason(), Some(RejectionReason::TooLarge));
    let logged = log.lines_with("max_token_size");
    assert!(logged[0].contains(&format!("size={} max_token_size=8192", large.len())), "{logged:?}");

    let verifier = setup.builder().max_token_size(32 * 1024).build().unwrap();
    verifier.verify(&large).await.unwrap();
    for _ in 0..3 {
        verifier.verify(&"x".repeat(40_000)).await.unwrap_err();
    }
    assert_eq!(log.lines_with("max_token_size").len(), 2, "once a minute");
}

#[tokio::test]
async fn chunked_token_cookie_is_logged_by_its_name() {
    let setup = setup().await;
    let log = Log::listen(Level::DEBUG);
    let never = service_fn(|_: Request<()>| pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let layer = AuthenticateLayer::new(setup.verifier()).token_from_cookie("session");
    for (cookies, logged) in [("session.0=a; session.1=b", 1), ("other.0=a", 0)] {
        let before = log.lines_with("chunks").len();
        let request = Request::builder().header(COOKIE, cookies).body(()).unwrap();
        let rejected = layer.layer(never).oneshot(request).await.unwrap();
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
        let lines = log.lines_with("chunks");
        assert_eq!(lines.len() - before, logged, "{cookies}: {lines:?}");
        assert!(lines.iter().all(|line| line.contains("session")), "{lines:?}");
    }
}

#[tokio::test]
async fn unsigned_claims_are_never_logged() {
    let setup = setup().await;
    let log = Log::listen(Level::TRACE);
    let verifier = setup.verifier();
    let mallory = |token: String| {
        let (message, _) = token.rsplit_once('.').unwrap();
        format!("{message}.{}", "A".repeat(342))
    };
    let forged = setup.token().claim("sub", "mallory").claim("iss", "mallory").claim("aud", "mallory");
    let long = setup.token().header("kid", format!("eyJ{}", "mallory".repeat(20))).build();
    for token in [mallory(forged.build()), mallory(forged.header("kid", "k").build()), long] {
        verifier.verify(&token).await.unwrap_err();
    }
    assert_eq!(log.lines_with("mallory"), Vec::<String>::new());
    assert!(!log.lines_with("token rejected").is_empty());
}

#[tokio::test]
async fn trailing_slash_of_the_issuer_is_logged_once() {
    let setup = setup().await;
    let log = Log::listen(Level::WARN);
    let verifier = setup.verifier();
    let with_slash = setup.token().claim("iss", format!("{}/", setup.passport.issuer())).build();
    for _ in 0..3 {
        verifier.verify(&with_slash).await.unwrap_err();
    }
    let logged = log.lines_with("by a trailing slash");
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains(&format!("{}/", setup.passport.issuer())), "{logged:?}");
}

#[tokio::test]
async fn late_metrics_recorder_is_used_after_the_next_refresh() {
    let setup = setup().await;
    let verifier = setup.verifier();
    let good = setup.token().build();
    verifier.verify(&good).await.unwrap();
    let measured = measured(async {
        sleep(Duration::from_secs(600)).await;
        assert!(matches!(verifier.verify_now(good.as_bytes()), VerifyProgress::Done(Ok(_))));
    })
    .await;
    assert_eq!(measured.get("passport_inbound_tokens_total accepted"), Some(&1.0), "{measured:#?}");
}
