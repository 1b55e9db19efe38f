//! Verifies tokens for services that cannot do it themselves, and for proxies in front of them.

use axum::{
    Extension, Form, Json, Router,
    extract::{DefaultBodyLimit, rejection::FormRejection},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use passport_core::unix_millis;
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier, VerifyError};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ErrorResponse;

/// Characters that have a meaning in a header, or in a list of values there.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b'%').add(b'"');

#[derive(Deserialize)]
struct ValidateForm {
    token: String,
}

/// Returns the routes of `/v1/validate` and `/v1/auth`. They have a state of their own.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(
    verifier: Option<TokenVerifier>,
    max_form: usize,
) -> Router<S> {
    let Some(verifier) = verifier else {
        return Router::new()
            .route("/v1/validate", any(not_configured))
            .route("/v1/auth", any(not_configured))
            .route("/v1/auth/", any(not_configured))
            .route("/v1/auth/{*path}", any(not_configured));
    };
    let auth = Router::new()
        // Envoy sends the method and the path of the request that it authorizes.
        .route("/v1/auth", any(caller_headers))
        .route("/v1/auth/", any(caller_headers))
        .route("/v1/auth/{*path}", any(caller_headers))
        // A rejection in gRPC has the status 200, which a proxy would read as success.
        .layer(AuthenticateLayer::new(verifier.clone()).http_only());
    let validate = post(validate).layer(DefaultBodyLimit::max(max_form));
    Router::new().route("/v1/validate", validate).layer(Extension(verifier)).merge(auth)
}

async fn not_configured() -> ErrorResponse {
    let description = "no tokens are judged here; set validate.audience in the configuration";
    ErrorResponse::new(StatusCode::NOT_FOUND, "not_found", description)
}

/// `POST /v1/validate` with `token=`: returns its claims, in the form of an introspection
/// ([RFC 7662, section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
async fn validate(
    Extension(verifier): Extension<TokenVerifier>,
    shown: Result<Form<ValidateForm>, FormRejection>,
) -> Response {
    let Ok(Form(ValidateForm { token })) = shown else {
        return ErrorResponse::invalid("send a form with token=").into_response();
    };
    let mut response = match verifier.verify(&token).await {
        Ok(caller) => Json(claims(&caller)).into_response(),
        Err(VerifyError::KeysUnavailable { retry_after } | VerifyError::Overloaded { retry_after }) => {
            return ErrorResponse::unavailable(
                "the issuer's keys are not there yet, or too much is asked",
                retry_after,
            )
            .into_response();
        }
        Err(_) => Json(json!({ "active": false })).into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn claims(caller: &IdInfo) -> Value {
    let seconds = |time| unix_millis(time) / 1000;
    json!({
        "active": true,
        "sub": caller.user_id(),
        "iss": caller.issuer(),
        "aud": caller.audiences(),
        "exp": seconds(caller.expires_at()),
        "iat": seconds(caller.issued_at()),
        "name": caller.display_name(),
        "email": caller.email(),
        "tenant_id": caller.tenant_id(),
        "roles": caller.roles(),
        "permissions": caller.permissions(),
        "is_service_account": caller.is_service_account(),
        "managed_identity_id": caller.managed_identity_id(),
    })
}

/// `/v1/auth` with a token in `Authorization`: responds 200 with the caller in headers. The inbound
/// layer rejects other requests.
async fn caller_headers(Extension(caller): Extension<IdInfo>) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        let encoded = utf8_percent_encode(value, ENCODED).to_string();
        if let Ok(value) = HeaderValue::try_from(encoded) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-passport-subject", caller.user_id());
    set("x-passport-name", caller.display_name());
    set("x-passport-tenant", caller.tenant_id());
    set("x-passport-service-account", if caller.is_service_account() { "true" } else { "false" });
    // Also without a value, as it overwrites a header that the client has sent.
    set("x-passport-email", caller.email().unwrap_or_default());
    set("x-passport-managed-identity", caller.managed_identity_id().unwrap_or_default());
    for (name, values) in
        [("x-passport-roles", caller.roles()), ("x-passport-permissions", caller.permissions())]
    {
        let list: Vec<_> =
            values.iter().map(|value| utf8_percent_encode(value, ENCODED).to_string()).collect();
        if let Ok(value) = HeaderValue::try_from(list.join(",")) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (StatusCode::OK, headers)
}
