use std::sync::Arc;

use super::*;
use crate::{
    RejectionReason,
    response::protocol::ForcedProtocol,
    test_support::{Log, measured},
};

fn rejection_response(rejection: Rejection, protocol: Protocol) -> Response<Bytes> {
    super::rejection_response(rejection, protocol, &RejectionConfig::default())
}

#[test]
fn rejection_without_details_has_no_reason() {
    let opaque = RejectionConfig { hides_details: true, ..RejectionConfig::default() };
    let token = super::rejection_response(RejectionReason::Expired.into(), Protocol::Http, &opaque);
    assert_eq!(token.body(), r#"{"error":"invalid_token"}"#);
    assert_eq!(token.headers()[WWW_AUTHENTICATE], r#"Bearer realm="passport", error="invalid_token""#);
    assert_eq!(token.extensions().get(), Some(&Rejection::from(RejectionReason::Expired)));
    let forbidden = Rejection::Forbidden(UnmetRequirement::new(
        "service account".to_owned(),
        "ServiceAccountRequired",
        None,
    ));
    assert_eq!(
        super::rejection_response(forbidden.clone(), Protocol::Http, &opaque).body(),
        r#"{"error":"forbidden"}"#
    );
    assert_eq!(
        super::rejection_response(forbidden, Protocol::Grpc, &opaque).headers()["grpc-message"],
        "forbidden"
    );
    let grpc = super::rejection_response(RejectionReason::Expired.into(), Protocol::Grpc, &opaque);
    assert_eq!(grpc.headers()["grpc-message"], "invalid token");
}

#[test]
fn custom_response_keeps_status_and_challenge() {
    let respond = |rejection: &Rejection, standard: Response<Bytes>| {
        assert_eq!(rejection.status(), standard.status());
        Response::new(Bytes::from("<html>"))
    };
    let responder = RejectionConfig { custom: Some(Arc::new(respond)), ..RejectionConfig::default() };
    let response = super::rejection_response(RejectionReason::Expired.into(), Protocol::Http, &responder);
    assert_eq!((response.status().as_u16(), &response.body()[..]), (401, &b"<html>"[..]));
    assert!(response.headers().contains_key(WWW_AUTHENTICATE), "a 401 has a challenge");
    assert!(response.extensions().get::<Rejection>().is_some());
    let grpc = super::rejection_response(RejectionReason::Expired.into(), Protocol::Grpc, &responder);
    assert_eq!(grpc.headers()["grpc-status"], "16");
}

#[test]
fn invalid_token_gets_challenge_and_passport_body() {
    let response = rejection_response(RejectionReason::Expired.into(), Protocol::Http);
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.headers()[WWW_AUTHENTICATE],
        r#"Bearer realm="passport", error="invalid_token", error_description="TokenExpired""#
    );
    assert_eq!(response.body(), r#"{"error":"invalid_token","reason":"TokenExpired"}"#);
    assert_eq!(response.extensions().get(), Some(&Rejection::from(RejectionReason::Expired)));
}

#[test]
fn missing_credentials_get_a_bare_challenge() {
    let response = rejection_response(Rejection::MissingCredentials, Protocol::Http);
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"Bearer realm="passport""#);
    assert!(!response.body().windows(13).any(|part| part == b"invalid_token"));
}

#[test]
fn missing_keys_are_503_with_retry_after() {
    let rejection = Rejection::KeysUnavailable { retry_after: Duration::from_millis(2500), issuer: None };
    let response = rejection_response(rejection.clone(), Protocol::Http);
    assert_eq!((response.status().as_u16(), &response.headers()[RETRY_AFTER]), (503, &"3".parse().unwrap()));
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    assert_eq!(rejection_response(rejection, Protocol::Grpc).headers()["grpc-status"], "14");
}

#[test]
fn failed_permission_check_is_503_with_retry_after() {
    let response = rejection_response(Rejection::PermissionCheckFailed, Protocol::Http);
    assert_eq!((response.status().as_u16(), &response.headers()[RETRY_AFTER]), (503, &"1".parse().unwrap()));
}

#[tokio::test]
async fn rejections_are_counted_and_missing_layer_is_logged() {
    let log = Log::listen(tracing::Level::ERROR);
    let measured = measured(async {
        for rejection in [
            Rejection::MissingAuthenticateLayer,
            Rejection::MissingCredentials,
            Rejection::MissingCredentials,
        ] {
            rejection_response(rejection, Protocol::Http);
        }
    })
    .await;
    for (reason, count) in [("missing_authenticate_layer", 1.0), ("missing_credentials", 2.0)] {
        let name = format!("passport_inbound_rejected_requests_total {reason}");
        assert_eq!(measured.get(&name), Some(&count), "{measured:#?}");
    }
    assert_eq!(log.lines_with("missing AuthenticateLayer").len(), 1);
}

#[test]
fn each_passport_name_has_a_body() {
    for reason in [
        RejectionReason::AlgorithmNotAllowed,
        RejectionReason::AudienceMismatch,
        RejectionReason::SenderConstrained,
        RejectionReason::Expired,
        RejectionReason::IssuerMismatch,
        RejectionReason::KeyNotFound,
        RejectionReason::TooLarge,
    ] {
        let response = rejection_response(reason.into(), Protocol::Http);
        let body = format!(r#"{{"error":"invalid_token","reason":"{}"}}"#, reason.passport_name());
        assert_eq!(response.body(), body.as_bytes());
    }
}

#[test]
fn grpc_rejection_has_status_in_headers_and_no_body() {
    for (rejection, status) in [
        (Rejection::MissingCredentials, "16"),
        (RejectionReason::Expired.into(), "16"),
        (
            Rejection::Forbidden(UnmetRequirement::new(
                "service account".to_owned(),
                "ServiceAccountRequired",
                None,
            )),
            "7",
        ),
        (Rejection::MissingAuthenticateLayer, "13"),
    ] {
        let response = rejection_response(rejection, Protocol::Grpc);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], status);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
        assert!(response.body().is_empty());
    }
}

#[test]
fn grpc_web_rejection_has_status_in_body() {
    for (content_type, body) in [
        ("application/grpc-web+proto", &b"\x80\0\0\0\x38grpc-status: 16\r\n"[..]),
        ("application/grpc-web-text", b"gAAAADhncnBjLXN0YXR1czogMTYNCmdycGMtbWVzc2FnZTog"),
    ] {
        let mut request = Request::post("/").header(CONTENT_TYPE, content_type).body(()).unwrap();
        let response = reject(Rejection::MissingCredentials, &mut request, &RejectionConfig::default());
        assert_eq!((response.status().as_u16(), response.headers().len()), (200, 1));
        assert_eq!(response.headers()[CONTENT_TYPE], content_type);
        assert!(response.body().starts_with(body), "{:?}", response.body());
        assert_eq!(response.extensions().get(), Some(&Rejection::MissingCredentials));
    }
}

#[test]
fn forced_protocol_is_inherited_by_inner_layers() {
    let forced = |protocol| RejectionConfig { forced: Some(protocol), ..RejectionConfig::default() };
    let http_rejections = forced(ForcedProtocol::Http);
    let mut request = Request::post("/").header(CONTENT_TYPE, "application/grpc").body(()).unwrap();
    let status = |request: &Request<()>, responder: &RejectionConfig| {
        reject(Rejection::MissingCredentials, &mut request.clone(), responder).status().as_u16()
    };
    assert_eq!(status(&request, &RejectionConfig::default()), 200);
    assert_eq!(status(&request, &http_rejections), 401);
    request.extensions_mut().insert(http_rejections);
    assert_eq!(status(&request, &RejectionConfig::default()), 401);
    assert_eq!(status(&request, &forced(ForcedProtocol::Grpc)), 200);
}

#[test]
fn rejection_contains_nothing_of_the_request() {
    let mut request = Request::get("/").header("x-tenant", "acme").header(CONTENT_TYPE, "text/plain");
    request = request.header("x-tenant", "fabrikam").extension("of the request");
    let mut request = request.body(()).unwrap();
    let response = reject(Rejection::MissingCredentials, &mut request, &RejectionConfig::default());
    let new = rejection_response(Rejection::MissingCredentials, Protocol::Http);
    assert_eq!(response.headers(), new.headers());
    assert_eq!(response.extensions().len(), 1);
    assert_eq!(response.extensions().get(), Some(&Rejection::MissingCredentials));
}

#[test]
fn rejection_of_head_has_the_length_of_its_content() {
    let response_to = |method: Method| {
        let mut request = Request::builder().method(method).uri("/").body(()).unwrap();
        reject(RejectionReason::Expired.into(), &mut request, &RejectionConfig::default())
    };
    let (get, head) = (response_to(Method::GET), response_to(Method::HEAD));
    assert!(!get.headers().contains_key(CONTENT_LENGTH));
    assert_eq!(head.headers()[CONTENT_LENGTH], get.body().len().to_string());
    assert!(head.body().is_empty());
    assert_eq!((head.status(), head.headers().len()), (get.status(), get.headers().len() + 1));
}
