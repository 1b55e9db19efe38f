//! Renders the response to a rejected request. Over HTTP, the response has a challenge of RFC
//! 6750 and Passport's error body. Over gRPC, it is a trailers-only response.
//!
//! No response contains anything from the request, so a client cannot inject text. The reason
//! for rejecting a token is one of the seven names of Passport's own SDK. An unmet requirement
//! is described by the text that the service has configured.

use std::{borrow::Cow, mem, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
};

use passport_core::retry_after_seconds;
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

/// Renders the response to a rejected request. `own` has the settings of the layer that rejects
/// the request. If one of them is not set, the setting of the outer layer is used.
///
/// Takes the headers and the extensions out of the request.
pub(crate) fn reject<B>(
    rejection: Rejection,
    request: &mut Request<B>,
    own: &RejectionConfig,
) -> Response<Bytes> {
    let config = own.within(request.extensions());
    let protocol = Protocol::of(request.method(), request.headers(), config.forced);
    let mut response = with_emptied_maps(request);
    render(rejection, protocol, &config, &mut response);
    if request.method() == Method::HEAD {
        remove_content(&mut response);
    }
    response
}

/// Returns an empty response with the header map and the extensions of the request, emptied. New
/// ones would cost up to four allocations.
fn with_emptied_maps<B>(request: &mut Request<B>) -> Response<Bytes> {
    let mut response = Response::default();
    mem::swap(response.headers_mut(), request.headers_mut());
    mem::swap(response.extensions_mut(), request.extensions_mut());
    response.headers_mut().clear();
    response.extensions_mut().clear();
    response
}

/// Removes the content of a response to a `HEAD` request, which has none ([RFC 9110, section
/// 9.3.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2)). Keeps its length in the headers.
#[cold]
fn remove_content(response: &mut Response<Bytes>) {
    let content = mem::take(response.body_mut());
    response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| content.len().into());
}

/// Renders the response to a rejected request.
#[cfg(any(test, feature = "axum"))]
pub(crate) fn rejection_response(
    rejection: Rejection,
    protocol: Protocol,
    config: &RejectionConfig,
) -> Response<Bytes> {
    let mut response = Response::default();
    render(rejection, protocol, config, &mut response);
    response
}

/// Renders a rejection into `response`, which is empty. Stores the [`Rejection`] in the extensions
/// of the response. Counts and logs the rejection.
fn render(
    rejection: Rejection,
    protocol: Protocol,
    config: &RejectionConfig,
    response: &mut Response<Bytes>,
) {
    rejection.record();
    let texts = if config.hides_details { Texts::without_details(&rejection) } else { Texts::of(&rejection) };
    match protocol {
        Protocol::Grpc => grpc(&rejection, texts, response),
        Protocol::GrpcWeb(format) => grpc_web(&rejection, &texts, format, response),
        Protocol::Http => {
            http(&rejection, texts, response);
            config.finish(&rejection, response);
        }
    }
    response.extensions_mut().insert(rejection);
}

fn http(rejection: &Rejection, texts: Texts, response: &mut Response<Bytes>) {
    *response.body_mut() = texts.body;
    *response.status_mut() = rejection.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, const { HeaderValue::from_static("application/json") });
    headers.insert(CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
    if let Some(challenge) = texts.challenge {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(retry_after) = retry_after(rejection) {
        headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds(retry_after).max(1)));
    }
}

/// Returns the value of the header `Retry-After`. Returns `None` if the status is not 503: only
/// responses with status 503 have this header.
fn retry_after(rejection: &Rejection) -> Option<Duration> {
    match rejection {
        Rejection::KeysUnavailable { retry_after, .. }
        | Rejection::IntrospectionUnavailable { retry_after, .. }
        | Rejection::Overloaded { retry_after } => Some(*retry_after),
        Rejection::PermissionCheckFailed => Some(Duration::from_secs(1)),
        _ => None,
    }
}

/// Converts a text to a header value. Returns `None` if the text is not valid in a header. A
/// static text is not copied.
fn header(text: Cow<'static, str>) -> Option<HeaderValue> {
    match text {
        Cow::Borrowed(text) => Some(HeaderValue::from_static(text)),
        Cow::Owned(text) => HeaderValue::try_from(text).ok(),
    }
}

/// Renders a trailers-only response: the status is in the headers, and there is no body ([gRPC
/// over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses)).
fn grpc(rejection: &Rejection, texts: Texts, response: &mut Response<Bytes>) {
    const STATUS: HeaderName = HeaderName::from_static("grpc-status");
    const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, const { HeaderValue::from_static("application/grpc") });
    headers.insert(STATUS, HeaderValue::from(u16::from(rejection.grpc_code())));
    if let Some(message) = header(texts.message) {
        headers.insert(MESSAGE, message);
    }
}

/// Renders a grpc-web response, with the gRPC status in the body. Scripts in browsers can read
/// the body even if CORS does not expose the headers
/// ([grpc-web](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md)).
fn grpc_web(rejection: &Rejection, texts: &Texts, format: WebFormat, response: &mut Response<Bytes>) {
    *response.body_mut() = format.trailers(rejection.grpc_code(), &texts.message);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type));
}

/// The characters that are percent-encoded in `grpc-message`: the percent sign and all but
/// printable ASCII.
const NOT_IN_MESSAGES: &AsciiSet = &CONTROLS.add(b'%');

/// The texts of the response to a rejected request. They are static, except for the description
/// of an unmet requirement.
struct Texts {
    /// The value of `WWW-Authenticate` (HTTP). If `None`, the response does not have this header.
    challenge: Option<HeaderValue>,
    /// The JSON body (HTTP).
    body: Bytes,
    /// The value of `grpc-message` (gRPC and grpc-web).
    message: Cow<'static, str>,
}

impl Texts {
    /// Returns texts that are known at compile time. Create the challenge in a `const` block: at
    /// run time, a `HeaderValue` checks each byte.
    fn fixed(challenge: Option<HeaderValue>, body: &'static str, message: &'static str) -> Self {
        Self { challenge, body: Bytes::from_static(body.as_bytes()), message: Cow::Borrowed(message) }
    }

    /// Returns the texts for an unmet requirement. Only an unmet requirement of scopes has a
    /// challenge.
    fn forbidden(requirement: &UnmetRequirement) -> Self {
        let (reason, required) = (requirement.reason(), requirement.required());
        let challenge = requirement.scopes().and_then(|scopes| {
            let challenge =
                format!("Bearer realm=\"passport\", error=\"insufficient_scope\", scope=\"{scopes}\"");
            HeaderValue::try_from(challenge).ok()
        });
        let body = json!({ "error": "forbidden", "reason": reason, "required": required }).to_string();
        let message = format!("requirement not met: {required}");
        let message = utf8_percent_encode(&message, NOT_IN_MESSAGES).to_string();
        Self { challenge, body: body.into(), message: message.into() }
    }
}

/// Returns the texts for an invalid token. `$name` is the name of the reason in Passport's SDK.
macro_rules! token_texts {
    ($name:literal) => {
        Texts::fixed(
            Some(
                const {
                    HeaderValue::from_static(concat!(
                        "Bearer realm=\"passport\", error=\"invalid_token\", error_description=\"",
                        $name,
                        "\""
                    ))
                },
            ),
            concat!("{\"error\":\"invalid_token\",\"reason\":\"", $name, "\"}"),
            concat!("invalid token: ", $name),
        )
    };
}

impl Texts {
    /// Returns the texts without the reason for rejecting a token and without the unmet
    /// requirement: the minimum that RFC 6750 requires.
    fn without_details(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::Token { .. } => Self::fixed(
                Some(
                    const { HeaderValue::from_static("Bearer realm=\"passport\", error=\"invalid_token\"") },
                ),
                "{\"error\":\"invalid_token\"}",
                "invalid token",
            ),
            Rejection::Forbidden(_) => Self::fixed(None, "{\"error\":\"forbidden\"}", "forbidden"),
            other => Self::of(other),
        }
    }

    /// Returns the texts with the reason for rejecting a token, or with the unmet requirement.
    fn of(rejection: &Rejection) -> Self {
        match rejection {
            // The challenge has no error code if the request has no credentials (RFC 6750, section
            // 3.1).
            Rejection::MissingCredentials => Self::fixed(
                Some(const { HeaderValue::from_static("Bearer realm=\"passport\"") }),
                "{\"error\":\"authentication_required\"}",
                "authentication required",
            ),
            Rejection::KeysUnavailable { .. }
            | Rejection::IntrospectionUnavailable { .. }
            | Rejection::Overloaded { .. } => Self::fixed(
                None,
                "{\"error\":\"temporarily_unavailable\"}",
                "token verification is temporarily unavailable",
            ),
            Rejection::PermissionCheckFailed => Self::fixed(
                None,
                "{\"error\":\"temporarily_unavailable\"}",
                "permission check is temporarily unavailable",
            ),
            Rejection::MissingAuthenticateLayer | Rejection::IntrospectionNotConfigured { .. } => {
                Self::fixed(None, "{\"error\":\"server_error\"}", "server error")
            }
            Rejection::Forbidden(requirement) => Self::forbidden(requirement),
            Rejection::Token { reason, .. } => match reason.coarse() {
                CoarseReason::AudienceMismatch => token_texts!("AudienceMismatch"),
                CoarseReason::ClaimsRequired => token_texts!("ClaimsRequired"),
                CoarseReason::IssuerMismatch => token_texts!("IssuerMismatch"),
                CoarseReason::KeyNotFound => token_texts!("KeyNotFound"),
                CoarseReason::MalformedToken => token_texts!("MalformedToken"),
                CoarseReason::SignatureInvalid => token_texts!("SignatureInvalid"),
                CoarseReason::TokenExpired => token_texts!("TokenExpired"),
            },
        }
    }
}

#[cfg(test)]
mod tests;
