//! What the verifier asks for, and what operators see of failures without a response.

use std::time::Duration;

use passport_core::{TlsFailure, TransportErrorKind};

use crate::test_support::{Answer, setup};

#[tokio::test]
async fn ready_returns_a_failure_that_does_not_pass() {
    let setup = setup().await;
    for (kind, named) in [
        (TransportErrorKind::Tls(TlsFailure::UnknownIssuer), "its issuer is unknown"),
        (TransportErrorKind::Tls(TlsFailure::NoRootCertificates), "no root certificates"),
        (TransportErrorKind::NotHttp, "check the scheme and the port"),
        (TransportErrorKind::Setup, "check the URL"),
    ] {
        setup.issuer.answers(Answer::Fails(kind));
        for verifier in [setup.verifier(), setup.discovering()] {
            let ready = tokio::time::timeout(Duration::from_secs(600), verifier.ready()).await;
            let error = ready.expect("it does not wait").unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
            assert!(verifier.health().last_error().unwrap().contains(named), "{:?}", verifier.health());
        }
    }
}

#[tokio::test]
async fn ready_waits_for_an_issuer_that_is_unreachable() {
    let setup = setup().await;
    setup.issuer.answers(Answer::Fails(TransportErrorKind::Dns));
    let verifier = setup.verifier();
    let ready = tokio::spawn({
        let verifier = verifier.clone();
        async move { verifier.ready().await }
    });
    setup.issuer.asked_for_the(3).await;
    assert!(verifier.health().last_error().unwrap().contains("could not be resolved"));
    setup.issuer.answers(Answer::body(&setup.passport.jwks()));
    ready.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_compressed_key_set_is_named_in_the_health() {
    let setup = setup().await;
    setup.issuer.answers(Answer::Fails(TransportErrorKind::Encoded("gzip")));
    let verifier = setup.verifier();
    assert!(verifier.verify(&setup.token().build()).await.is_err());
    let health = verifier.health().to_string();
    assert!(health.contains("compressed (gzip)") && health.contains("proxy"), "{health}");
}

#[tokio::test]
async fn key_sets_are_asked_for_by_their_media_type() {
    let setup = setup().await;
    setup.verifier().ready().await.unwrap();
    let accepted = "application/jwk-set+json, application/json, */*;q=0.1";
    assert_eq!(setup.issuer.last_asked()["accept"], accepted);
    setup.issuer.answers(Answer::Status(http::StatusCode::NOT_FOUND));
    let discovering = setup.discovering();
    assert!(discovering.verify(&setup.token().build()).await.is_err());
    assert_eq!(setup.issuer.last_asked()["accept"], "application/json", "of a discovery document");
}
