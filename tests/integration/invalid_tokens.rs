//! Invalid tokens over HTTP and gRPC: each is rejected for the right reason, never with a 5xx.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use passport_dev::{DevPassport, InvalidToken};
use passport_inbound::RejectionReason;
use tonic::transport::Endpoint;

use crate::harness::{api, assert_rejected_on_grpc, assert_rejected_on_http, grpc_server, http, verifier};

/// Returns the reason for which an invalid token is rejected.
fn expected(hostile: InvalidToken) -> RejectionReason {
    match hostile {
        InvalidToken::AlgorithmNone | InvalidToken::AlgorithmNotAllowed | InvalidToken::HmacWithPublicKey => {
            RejectionReason::AlgorithmNotAllowed
        }
        InvalidToken::AudienceMissing | InvalidToken::AudienceWrong => RejectionReason::AudienceMismatch,
        InvalidToken::SenderConstrained => RejectionReason::SenderConstrained,
        InvalidToken::UnsupportedCritical => RejectionReason::UnsupportedCritical,
        InvalidToken::EmbeddedKey | InvalidToken::UnknownKey => RejectionReason::KeyNotFound,
        InvalidToken::Expired => RejectionReason::Expired,
        InvalidToken::ExpiryMissing => RejectionReason::MissingClaim("exp"),
        InvalidToken::IdToken | InvalidToken::LogoutToken => RejectionReason::WrongTokenType,
        InvalidToken::IssuedInFuture => RejectionReason::IssuedInFuture,
        InvalidToken::IssuerWithSlash | InvalidToken::IssuerWrong => RejectionReason::IssuerMismatch,
        InvalidToken::NotYetValid => RejectionReason::NotYetValid,
        InvalidToken::SignatureWrong | InvalidToken::Tampered => RejectionReason::SignatureInvalid,
        InvalidToken::SubjectMissing => RejectionReason::MissingClaim("sub"),
        InvalidToken::TenantMissing => RejectionReason::MissingClaim("tenant_id"),
        InvalidToken::Oversized => RejectionReason::TooLarge,
        InvalidToken::DuplicateClaim
        | InvalidToken::ExpiryAsText
        | InvalidToken::SignatureMissing
        | InvalidToken::SignatureRespelled
        | InvalidToken::TwoSegments => RejectionReason::Malformed,
        other => panic!("a new hostile token without an expectation: {other:?}"),
    }
}

#[tokio::test]
async fn each_invalid_token_is_rejected_for_the_right_reason() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = verifier(&passport);
    for hostile in InvalidToken::ALL {
        let outcome = verifier.verify(&passport.invalid_token(hostile)).await;
        assert_eq!(outcome.unwrap_err().reason(), Some(expected(hostile)), "{hostile:?}");
    }
    verifier.verify(&passport.user_token("good").build()).await.expect("a good token still passes");
}

#[tokio::test]
async fn each_invalid_token_is_401_with_a_challenge_on_http() {
    let passport = DevPassport::start().await.unwrap();
    let (url, client) = (format!("{}/whoami", api(&passport).await), http());
    for hostile in InvalidToken::ALL {
        let (token, reason) = (passport.invalid_token(hostile), expected(hostile));
        assert_rejected_on_http(client.get(&url), &token, reason, &format!("{hostile:?}")).await;
    }
}

#[tokio::test]
async fn each_invalid_token_is_unauthenticated_on_grpc() {
    let passport = DevPassport::start().await.unwrap();
    let channel = Endpoint::from_shared(grpc_server(&passport).await).unwrap().connect_lazy();
    for hostile in InvalidToken::ALL {
        let (token, reason) = (passport.invalid_token(hostile), expected(hostile));
        assert_rejected_on_grpc(channel.clone(), &token, reason, &format!("{hostile:?}")).await;
    }
}

#[tokio::test]
async fn malformed_authorization_headers_are_rejected_or_ignored() {
    let passport = DevPassport::start().await.unwrap();
    let url = format!("{}/whoami", api(&passport).await);
    let good = passport.user_token("u").build();
    let invalid = r#"Bearer realm="passport", error="invalid_token", error_description="MalformedToken""#;
    let bare = r#"Bearer realm="passport""#;
    for (headers, challenge) in [
        (vec![], bare),
        (vec!["Basic dXNlcjpwYXNz".to_owned()], bare),
        (vec![format!("Bearer {good}"), format!("Bearer {good}")], invalid),
        (vec!["Basic dXNlcjpwYXNz".to_owned(), format!("Bearer {good}")], invalid),
        (vec!["Bearer".to_owned()], invalid),
        (vec![format!("Bearer \"{good}\"")], invalid),
        (vec![format!("Bearer {good}, Bearer {good}")], invalid),
        (vec![format!("Bearer {good} {good}")], invalid),
        (vec!["Bearer not-a-token".to_owned()], invalid),
    ] {
        let mut map = HeaderMap::new();
        for header in &headers {
            map.append(AUTHORIZATION, header.parse().unwrap());
        }
        let response = http().get(&url).headers(map).send().await.unwrap();
        assert_eq!(response.status(), 401, "{headers:?}");
        assert_eq!(response.headers()["www-authenticate"], challenge, "{headers:?}");
    }
}

#[tokio::test]
async fn binary_authorization_header_is_rejected_without_a_panic() {
    let passport = DevPassport::start().await.unwrap();
    let url = format!("{}/whoami", api(&passport).await);
    let header = HeaderValue::from_bytes(b"Bearer \xff\xfe.\x80.\x81").unwrap();
    let response = http().get(&url).header(AUTHORIZATION, header).send().await.unwrap();
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn token_outside_the_header_is_ignored() {
    let passport = DevPassport::start().await.unwrap();
    let good = passport.user_token("u").build();
    let url = format!("{}/whoami?access_token={good}", api(&passport).await);
    let request = http()
        .get(&url)
        .header("cookie", format!("access_token={good}"))
        .header("proxy-authorization", format!("Bearer {good}"))
        .header("x-forwarded-authorization", format!("Bearer {good}"));
    assert_eq!(request.send().await.unwrap().status(), 401);
}
