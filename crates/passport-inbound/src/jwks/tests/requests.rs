//! Tests of the requests for keys, and of the errors in `ready` and `health`.

use std::time::Duration;

use http::StatusCode;
use passport_core::{TlsFailure, TransportErrorKind};
use serde_json::json;
use tracing::Level;

use crate::{
    TokenVerifier,
    test_support::{Log, ScriptedIssuer, ScriptedResponse, Setup, setup},
};

/// Returns responses that are neither a discovery document nor a key set.
fn invalid_responses() -> Vec<ScriptedResponse> {
    let statuses = [204, 301, 400, 401, 403, 404, 405, 410, 429, 500, 503].into_iter();
    let statuses = statuses.map(|status| ScriptedResponse::Status(StatusCode::from_u16(status).unwrap()));
    let bodies = ["<html>Please log in</html>", "", "[]", "{}"].into_iter().map(ScriptedResponse::body);
    let large = [TransportErrorKind::TooLarge, TransportErrorKind::UnexpectedEncoding("gzip")]
        .map(ScriptedResponse::Fails);
    statuses.chain(bodies).chain(large).collect()
}

const BELOW: &str = "/passport/.well-known/";
const ROOT: &str = "/.well-known/";

/// Returns an issuer that serves the keys and the discovery document at the location `good`. All
/// requests at the location `odd` get the response `instead`. The discovery document names `odd`
/// as the location of the keys.
fn issuer_with(
    setup: &Setup,
    instead: &ScriptedResponse,
    (good, odd): (&'static str, &'static str),
) -> ScriptedIssuer {
    let (keys, document) = ("jwks.json", "openid-configuration");
    let at = |location: &str, name: &str| &*[location, name].concat().leak();
    let issuer = ScriptedIssuer::new(ScriptedResponse::Status(StatusCode::NOT_FOUND));
    let here = setup.passport.issuer();
    let jwks_uri = format!("{here}{}", at(odd, keys));
    issuer.respond_at(at(good, keys), ScriptedResponse::body(&setup.passport.jwks()));
    issuer.respond_at(
        at(good, document),
        ScriptedResponse::body(&json!({ "issuer": here, "jwks_uri": jwks_uri }).to_string()),
    );
    issuer.respond_at(at(odd, keys), instead.clone());
    issuer.respond_at(at(odd, document), instead.clone());
    issuer
}

#[tokio::test]
async fn second_location_is_tried_after_an_invalid_response() {
    let setup = setup().await;
    let log = Log::listen(Level::INFO);
    for locations in [(ROOT, BELOW), (BELOW, ROOT)] {
        for (number, instead) in invalid_responses().into_iter().enumerate() {
            let issuer = issuer_with(&setup, &instead, locations);
            let verifier = setup.builder_at(&issuer).build().unwrap();
            let outcome = verifier.verify(&setup.token().build()).await;
            assert!(outcome.is_ok(), "{locations:?} {instead:?}: {}", verifier.jwks_health());
            let logged = log.lines_with("JWKS location found");
            let expected = format!("jwks_url=\"{}{}jwks.json\"", setup.passport.issuer(), locations.0);
            assert!(logged.last().unwrap().contains(&expected), "{logged:?}");
            if number == 0 {
                let count = logged.len();
                tokio::time::sleep(Duration::from_secs(3600)).await;
                assert_eq!(log.lines_with("JWKS location found").len(), count, "logged once");
            }
        }
    }
}

#[tokio::test]
async fn second_location_is_not_tried_without_a_response() {
    let setup = setup().await;
    for kind in
        [TransportErrorKind::Timeout, TransportErrorKind::Connect, TransportErrorKind::ConnectionClosed]
    {
        let issuer = issuer_with(&setup, &ScriptedResponse::Fails(kind), (ROOT, BELOW));
        let verifier = setup.builder_at(&issuer).build().unwrap();
        assert!(verifier.verify(&setup.token().build()).await.is_err());
        assert_eq!(issuer.requests(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn error_of_two_locations_is_not_the_404() {
    let setup = setup().await;
    for (below, root, reported) in [(403, 404, "403"), (404, 403, "403"), (401, 403, "401")] {
        let status = |status| ScriptedResponse::Status(StatusCode::from_u16(status).unwrap());
        let issuer = ScriptedIssuer::new(status(root));
        issuer.respond_at("/passport/.well-known/openid-configuration", status(below));
        let verifier = setup.builder_at(&issuer).build().unwrap();
        verifier.verify(&setup.token().build()).await.unwrap_err();
        let health = verifier.jwks_health();
        assert!(health.last_error().unwrap().contains(reported), "{health}");
    }
}

#[tokio::test]
async fn ready_error_lists_the_unusable_keys() {
    let setup = setup().await;
    let log = Log::listen(Level::WARN);
    let jwks = json!({ "keys": [{ "kty": "RSA", "kid": "weak", "n": "AQAB", "e": "AQAB" }] }).to_string();
    setup.issuer.respond_with(ScriptedResponse::body(&jwks));
    let verifier = setup.verifier();
    let ready = tokio::time::timeout(Duration::from_secs(600), verifier.ready()).await;
    let error = ready.expect("no timeout").unwrap_err().to_string();
    assert!(error.contains("\"weak\"") && error.contains("not of an accepted size"), "{error}");
    assert_eq!(log.lines_with("JWKS entry skipped").len(), 1);

    let error = TokenVerifier::builder("api").static_jwks(jwks).build().unwrap_err().to_string();
    assert!(error.contains("\"weak\""), "{error}");
}

#[tokio::test]
async fn ready_waits_for_an_issuer_without_keys() {
    let setup = setup().await;
    setup.issuer.respond_with(ScriptedResponse::body(r#"{"keys":[]}"#));
    let verifier = setup.verifier();
    let mut ready = tokio_test::task::spawn(verifier.ready());
    assert!(ready.poll().is_pending());
    setup.issuer.wait_for_requests(3).await;
    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    ready.await.unwrap();
}

#[tokio::test]
async fn ready_returns_a_permanent_error() {
    let setup = setup().await;
    for (kind, remedy) in [
        (TransportErrorKind::Tls(TlsFailure::UnknownIssuer), "its issuer is unknown"),
        (TransportErrorKind::Tls(TlsFailure::NoRootCertificates), "no root certificates"),
        (TransportErrorKind::NotHttp, "check the scheme and the port"),
        (TransportErrorKind::Setup, "check the URL"),
    ] {
        setup.issuer.respond_with(ScriptedResponse::Fails(kind));
        for verifier in [setup.verifier(), setup.discovering_verifier()] {
            let ready = tokio::time::timeout(Duration::from_secs(600), verifier.ready()).await;
            let error = ready.expect("no timeout").unwrap_err();
            assert!(error.to_string().contains(remedy), "{error}");
            assert!(format!("{error:?}").contains(remedy), "{error:?}");
            assert!(
                verifier.jwks_health().last_error().unwrap().contains(remedy),
                "{:?}",
                verifier.jwks_health()
            );
        }
    }
}

#[tokio::test]
async fn ready_waits_for_an_unreachable_issuer() {
    let setup = setup().await;
    setup.issuer.respond_with(ScriptedResponse::Fails(TransportErrorKind::Dns));
    let verifier = setup.verifier();
    let ready = tokio::spawn({
        let verifier = verifier.clone();
        async move { verifier.ready().await }
    });
    setup.issuer.wait_for_requests(3).await;
    assert!(verifier.jwks_health().last_error().unwrap().contains("could not be resolved"));
    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    ready.await.unwrap().unwrap();
}

#[tokio::test]
async fn compressed_key_set_is_reported_in_health() {
    let setup = setup().await;
    setup.issuer.respond_with(ScriptedResponse::Fails(TransportErrorKind::UnexpectedEncoding("gzip")));
    let verifier = setup.verifier();
    assert!(verifier.verify(&setup.token().build()).await.is_err());
    let health = verifier.jwks_health().to_string();
    assert!(health.contains("compressed (gzip)") && health.contains("proxy"), "{health}");
}

#[tokio::test]
async fn key_sets_are_requested_by_media_type() {
    let setup = setup().await;
    setup.verifier().ready().await.unwrap();
    let accepted = "application/jwk-set+json, application/json, */*;q=0.1";
    assert_eq!(setup.issuer.last_request()["accept"], accepted);
    setup.issuer.respond_with(ScriptedResponse::Status(StatusCode::NOT_FOUND));
    let discovering = setup.discovering_verifier();
    assert!(discovering.verify(&setup.token().build()).await.is_err());
    assert_eq!(
        setup.issuer.last_request()["accept"],
        "application/json",
        "the request for the discovery document"
    );
}
