//! What a refused caller sees: RFC 6750 and Passport's error body on HTTP, a trailers-only response on gRPC.
//!
//! Nothing of the request ever comes back, so nothing can be injected. Of a token no more is told than the seven names of
//! Passport's own SDK; a guard tells what it demands, in the service's own words.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;

use crate::{
    Rejection,
    error::CoarseReason,
    response::{
        protocol::{Protocol, WebFormat},
        rejection_config::RejectionConfig,
        unmet_requirement::UnmetRequirement,
    },
};

/// The response to `request`, which was refused, by the settings of a layer and of those outside
/// of it.
pub(crate) fn refuse<B>(
    rejection: Rejection,
    request: &Request<B>,
    own: &RejectionConfig,
) -> Response<Bytes> {
    let responder = own.within(request.extensions());
    let protocol = Protocol::of(request.method(), request.headers(), responder.form);
    refusal(rejection, protocol, &responder)
}

/// The response to a refused request, with the whole reason in its extensions.
pub(crate) fn refusal(
    rejection: Rejection,
    protocol: Protocol,
    responder: &RejectionConfig,
) -> Response<Bytes> {
    rejection.record();
    let words = if responder.is_opaque { Words::opaque(&rejection) } else { Words::of(&rejection) };
    let mut response = match protocol {
        Protocol::Grpc => grpc(&rejection, words),
        Protocol::GrpcWeb(format) => grpc_web(&rejection, &words, format),
        Protocol::Http => responder.finish(&rejection, http(&rejection, words)),
    };
    response.extensions_mut().insert(rejection);
    response
}

fn http(rejection: &Rejection, words: Words) -> Response<Bytes> {
    let mut response = Response::new(match words.body {
        Cow::Borrowed(body) => Bytes::from_static(body.as_bytes()),
        Cow::Owned(body) => Bytes::from(body),
    });
    *response.status_mut() = rejection.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = words.challenge.and_then(header) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(retry_after) = retry_after(rejection) {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(retry_after)));
    }
    response
}

/// When it is worth while to come again, if that is all that is wrong.
fn retry_after(rejection: &Rejection) -> Option<Duration> {
    match rejection {
        Rejection::KeysUnavailable { retry_after } | Rejection::Overloaded { retry_after } => {
            Some(*retry_after)
        }
        Rejection::PermissionUnknown => Some(Duration::from_secs(1)),
        _ => None,
    }
}

/// What is not text for a header is left out. A fixed text costs nothing.
fn header(text: Cow<'static, str>) -> Option<HeaderValue> {
    match text {
        Cow::Borrowed(text) => Some(HeaderValue::from_static(text)),
        Cow::Owned(text) => HeaderValue::try_from(text).ok(),
    }
}

/// Rounded up, so that an obedient caller does not come back too early.
fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

/// Trailers-only: the status stands in the headers, and there is no body
/// ([gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses)).
fn grpc(rejection: &Rejection, words: Words) -> Response<Bytes> {
    const STATUS: HeaderName = HeaderName::from_static("grpc-status");
    const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from(u16::from(rejection.grpc_code())));
    if let Some(message) = header(words.message) {
        headers.insert(MESSAGE, message);
    }
    response
}

/// The status stands in the body, which scripts can read whatever CORS exposes of the headers
/// ([grpc-web](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md)).
fn grpc_web(rejection: &Rejection, words: &Words, format: WebFormat) -> Response<Bytes> {
    let mut response = Response::new(format.trailers(rejection.grpc_code(), &words.message));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type));
    response
}

/// What a `grpc-message` does not have as it is: all but printable ASCII, and the percent sign.
const NOT_IN_MESSAGES: &AsciiSet = &CONTROLS.add(b'%');

/// The texts of a refusal. All but what a guard demands are fixed, and that is the service's own.
struct Words {
    challenge: Option<Cow<'static, str>>,
    body: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl Words {
    fn fixed(challenge: Option<&'static str>, body: &'static str, message: &'static str) -> Self {
        Self {
            challenge: challenge.map(Cow::Borrowed),
            body: Cow::Borrowed(body),
            message: Cow::Borrowed(message),
        }
    }

    /// Describes the requirement that is not met.
    fn forbidden(requirement: &UnmetRequirement) -> Self {
        let (reason, required) = (requirement.reason(), requirement.required());
        let challenge = requirement.scopes().map(|scopes| {
            Cow::Owned(format!("Bearer realm=\"passport\", error=\"insufficient_scope\", scope=\"{scopes}\""))
        });
        let body = json!({ "error": "forbidden", "reason": reason, "required": required }).to_string();
        let message = format!("forbidden: required is {required}");
        // Percent-encoded, as the protocol has it.
        let message = utf8_percent_encode(&message, NOT_IN_MESSAGES).to_string();
        Self { challenge, body: body.into(), message: message.into() }
    }
}

/// `Words` for a rejected token, by the name that Passport's SDK has for the reason.
macro_rules! token_words {
    ($name:literal) => {
        Words::fixed(
            Some(concat!(
                "Bearer realm=\"passport\", error=\"invalid_token\", error_description=\"",
                $name,
                "\""
            )),
            concat!("{\"error\":\"invalid_token\",\"reason\":\"", $name, "\"}"),
            concat!("invalid token: ", $name),
        )
    };
}

impl Words {
    /// The least that RFC 6750 asks for.
    fn opaque(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::Token(_) => Self::fixed(
                Some("Bearer realm=\"passport\", error=\"invalid_token\""),
                "{\"error\":\"invalid_token\"}",
                "invalid token",
            ),
            Rejection::Forbidden(_) => Self::fixed(None, "{\"error\":\"forbidden\"}", "forbidden"),
            other => Self::of(other),
        }
    }

    fn of(rejection: &Rejection) -> Self {
        match rejection {
            // No error code: the caller has done nothing wrong yet (RFC 6750, section 3.1).
            Rejection::CredentialsMissing => Self::fixed(
                Some("Bearer realm=\"passport\""),
                "{\"error\":\"authentication_required\"}",
                "authentication required",
            ),
            Rejection::KeysUnavailable { .. } | Rejection::Overloaded { .. } => Self::fixed(
                None,
                "{\"error\":\"temporarily_unavailable\"}",
                "tokens cannot be verified at the moment",
            ),
            Rejection::PermissionUnknown => Self::fixed(
                None,
                "{\"error\":\"temporarily_unavailable\"}",
                "permissions cannot be checked at the moment",
            ),
            Rejection::Miswired => Self::fixed(None, "{\"error\":\"server_error\"}", "server error"),
            Rejection::Forbidden(requirement) => Self::forbidden(requirement),
            Rejection::Token(reason) => match reason.coarse() {
                CoarseReason::AudienceMismatch => token_words!("AudienceMismatch"),
                CoarseReason::ClaimsRequired => token_words!("ClaimsRequired"),
                CoarseReason::IssuerMismatch => token_words!("IssuerMismatch"),
                CoarseReason::KeyNotFound => token_words!("KeyNotFound"),
                CoarseReason::MalformedToken => token_words!("MalformedToken"),
                CoarseReason::SignatureInvalid => token_words!("SignatureInvalid"),
                CoarseReason::TokenExpired => token_words!("TokenExpired"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RejectionReason, response::protocol::Form};

    fn refusal(rejection: Rejection, protocol: Protocol) -> Response<Bytes> {
        super::refusal(rejection, protocol, &RejectionConfig::default())
    }

    #[test]
    fn an_opaque_refusal_says_no_reason() {
        let mut opaque = RejectionConfig::default();
        opaque.is_opaque = true;
        let token = super::refusal(RejectionReason::Expired.into(), Protocol::Http, &opaque);
        assert_eq!(token.body(), r#"{"error":"invalid_token"}"#);
        assert_eq!(token.headers()[WWW_AUTHENTICATE], r#"Bearer realm="passport", error="invalid_token""#);
        assert_eq!(token.extensions().get(), Some(&Rejection::Token(RejectionReason::Expired)));
        let forbidden = Rejection::Forbidden(UnmetRequirement::new(
            "a service account".to_owned(),
            "ServiceAccountRequired",
            None,
        ));
        assert_eq!(
            super::refusal(forbidden.clone(), Protocol::Http, &opaque).body(),
            r#"{"error":"forbidden"}"#
        );
        assert_eq!(super::refusal(forbidden, Protocol::Grpc, &opaque).headers()["grpc-message"], "forbidden");
        let grpc = super::refusal(RejectionReason::Expired.into(), Protocol::Grpc, &opaque);
        assert_eq!(grpc.headers()["grpc-message"], "invalid token");
    }

    #[test]
    fn a_responder_of_ones_own_may_say_anything_but_yes() {
        let mut responder = RejectionConfig::default();
        responder.respond_with(|rejection, standard| {
            assert_eq!(rejection.status(), standard.status());
            Response::new(Bytes::from("<html>"))
        });
        let response = super::refusal(RejectionReason::Expired.into(), Protocol::Http, &responder);
        assert_eq!((response.status().as_u16(), &response.body()[..]), (401, &b"<html>"[..]));
        assert!(response.headers().contains_key(WWW_AUTHENTICATE), "a 401 has a challenge");
        assert!(response.extensions().get::<Rejection>().is_some());
        let grpc = super::refusal(RejectionReason::Expired.into(), Protocol::Grpc, &responder);
        assert_eq!(grpc.headers()["grpc-status"], "16");
    }

    #[test]
    fn a_rejected_token_gets_a_challenge_and_passports_body() {
        let response = refusal(RejectionReason::Expired.into(), Protocol::Http);
        assert_eq!(response.status(), 401);
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            r#"Bearer realm="passport", error="invalid_token", error_description="TokenExpired""#
        );
        assert_eq!(response.body(), r#"{"error":"invalid_token","reason":"TokenExpired"}"#);
        assert_eq!(response.extensions().get(), Some(&Rejection::Token(RejectionReason::Expired)));
    }

    #[test]
    fn missing_credentials_get_a_bare_challenge() {
        let response = refusal(Rejection::CredentialsMissing, Protocol::Http);
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"Bearer realm="passport""#);
        assert!(!response.body().windows(13).any(|part| part == b"invalid_token"));
    }

    #[test]
    fn missing_keys_are_not_the_callers_fault() {
        let rejection = Rejection::KeysUnavailable { retry_after: Duration::from_millis(2500) };
        let response = refusal(rejection.clone(), Protocol::Http);
        assert_eq!(
            (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
            (503, &"3".parse().unwrap())
        );
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
        assert_eq!(refusal(rejection, Protocol::Grpc).headers()["grpc-status"], "14");
    }

    #[test]
    fn every_passport_name_has_its_own_words() {
        for reason in [
            RejectionReason::AlgorithmNotAllowed,
            RejectionReason::AudienceMismatch,
            RejectionReason::BoundToken,
            RejectionReason::Expired,
            RejectionReason::IssuerMismatch,
            RejectionReason::KeyNotFound,
            RejectionReason::TooLong,
        ] {
            let response = refusal(reason.into(), Protocol::Http);
            let body = format!(r#"{{"error":"invalid_token","reason":"{}"}}"#, reason.passport_name());
            assert_eq!(response.body(), body.as_bytes());
        }
    }

    #[test]
    fn grpc_gets_its_status_in_the_headers_and_no_body() {
        for (rejection, status) in [
            (Rejection::CredentialsMissing, "16"),
            (RejectionReason::Expired.into(), "16"),
            (
                Rejection::Forbidden(UnmetRequirement::new(
                    "a service account".to_owned(),
                    "ServiceAccountRequired",
                    None,
                )),
                "7",
            ),
            (Rejection::Miswired, "13"),
        ] {
            let response = refusal(rejection, Protocol::Grpc);
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["grpc-status"], status);
            assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
            assert!(response.body().is_empty());
        }
    }

    #[test]
    fn grpc_web_gets_its_status_in_the_body() {
        for (content_type, body) in [
            ("application/grpc-web+proto", &b"\x80\0\0\0\x38grpc-status: 16\r\n"[..]),
            ("application/grpc-web-text", b"gAAAADhncnBjLXN0YXR1czogMTYNCmdycGMtbWVzc2FnZTog"),
        ] {
            let request = Request::post("/").header(CONTENT_TYPE, content_type).body(()).unwrap();
            let response = refuse(Rejection::CredentialsMissing, &request, &RejectionConfig::default());
            assert_eq!((response.status().as_u16(), response.headers().len()), (200, 1));
            assert_eq!(response.headers()[CONTENT_TYPE], content_type);
            assert!(response.body().starts_with(body), "{:?}", response.body());
            assert_eq!(response.extensions().get(), Some(&Rejection::CredentialsMissing));
        }
    }

    #[test]
    fn fixed_form_of_a_layer_holds_for_those_inside() {
        let mut http_only = RejectionConfig::default();
        http_only.form = Some(Form::Http);
        let mut request = Request::post("/").header(CONTENT_TYPE, "application/grpc").body(()).unwrap();
        let status = |request: &Request<()>, responder: &RejectionConfig| {
            refuse(Rejection::CredentialsMissing, request, responder).status().as_u16()
        };
        assert_eq!(status(&request, &RejectionConfig::default()), 200);
        assert_eq!(status(&request, &http_only), 401);
        request.extensions_mut().insert(http_only);
        assert_eq!(status(&request, &RejectionConfig::default()), 401);
        let mut grpc_only = RejectionConfig::default();
        grpc_only.form = Some(Form::Grpc);
        assert_eq!(status(&request, &grpc_only), 200);
    }
}
