//! The endpoints that verify access tokens: `/v1/validate` for services that cannot verify
//! tokens themselves, and `/v1/auth` for proxies in front of such services.

use axum::{
    Extension, Form, Json, Router,
    extract::{DefaultBodyLimit, rejection::FormRejection},
    response::IntoResponse,
    routing::{MethodRouter, any, post},
};
use http::{StatusCode, header};
use passport_core::unix_millis;
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier, VerifyError};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ErrorResponse;

/// The ASCII characters that are percent-encoded in the values of `X-Passport-*` headers,
/// because they separate values or are not allowed in a header.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b'%').add(b'"');

#[derive(Deserialize)]
struct ValidateForm {
    token: String,
}

/// Creates the routes of `/v1/validate` and `/v1/auth`. If `verifier` is `None`, each request to
/// these routes gets a 404. `max_form` is the size limit of the form of `/v1/validate` in bytes.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(
    verifier: Option<TokenVerifier>,
    max_form: usize,
) -> Router<S> {
    let Some(verifier) = verifier else {
        return auth_routes(&any(not_configured)).route("/v1/validate", any(not_configured));
    };
    // Rejections are always plain HTTP. A gRPC rejection has the HTTP status 200, which a proxy
    // would read as success.
    let authenticate = AuthenticateLayer::new(verifier.clone()).http_rejections();
    let validate = post(validate).layer(DefaultBodyLimit::max(max_form));
    Router::new()
        .route("/v1/validate", validate)
        .layer(Extension(verifier))
        .merge(auth_routes(&any(caller_headers)).layer(authenticate))
}

/// Creates the routes of `/v1/auth` and all paths below it, for any method. Envoy appends the
/// path of the request that it authorizes to `/v1/auth`, and uses the method of that request.
fn auth_routes<S: Clone + Send + Sync + 'static>(respond: &MethodRouter<S>) -> Router<S> {
    ["/v1/auth", "/v1/auth/", "/v1/auth/{*path}"]
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, respond.clone()))
}

async fn not_configured() -> ErrorResponse {
    let description = "token verification is not configured: set validate.audience";
    ErrorResponse::new(StatusCode::NOT_FOUND, "not_found", description)
}

/// `POST /v1/validate` with a form: verifies the parameter `token`. Returns the claims of a
/// valid token, and `active: false` for an invalid token, like an introspection endpoint ([RFC
/// 7662, section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
async fn validate(
    Extension(verifier): Extension<TokenVerifier>,
    form: Result<Form<ValidateForm>, FormRejection>,
) -> Result<impl IntoResponse, ErrorResponse> {
    let Form(form) = form.map_err(|_| ErrorResponse::invalid("expected a form with the parameter token"))?;
    let body = match verifier.verify(&form.token).await {
        Ok(caller) => claims(&caller),
        Err(VerifyError::KeysUnavailable { retry_after, .. } | VerifyError::Overloaded { retry_after }) => {
            let description = "the issuer's keys are unavailable, or too many tokens are being verified";
            return Err(ErrorResponse::unavailable(description, retry_after));
        }
        Err(_) => json!({ "active": false }),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)))
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
        "external": caller.is_external(),
        "roles": caller.roles(),
        "roles_known": caller.roles_known(),
        "permissions": caller.permissions(),
        "is_service_account": caller.is_service_account(),
        "managed_identity_id": caller.managed_identity_id(),
    })
}

/// `/v1/auth`: returns the user or the service that the token in `Authorization` identifies, as
/// response headers. [`AuthenticateLayer`] has already rejected requests without a valid token.
async fn caller_headers(Extension(caller): Extension<IdInfo>) -> [(&'static str, String); 12] {
    let encoded = |value: &str| utf8_percent_encode(value, ENCODED).to_string();
    let list = |values: &[String]| values.iter().map(|value| encoded(value)).collect::<Vec<_>>().join(",");
    [
        ("x-passport-subject", encoded(caller.user_id())),
        ("x-passport-name", encoded(caller.display_name())),
        ("x-passport-tenant", encoded(caller.tenant_id())),
        ("x-passport-issuer", encoded(caller.issuer())),
        ("x-passport-external", caller.is_external().to_string()),
        ("x-passport-service-account", caller.is_service_account().to_string()),
        // Headers without a value are also sent, but empty. The proxy then overwrites a header of
        // the same name that its client has sent.
        ("x-passport-email", encoded(caller.email().unwrap_or_default())),
        ("x-passport-managed-identity", encoded(caller.managed_identity_id().unwrap_or_default())),
        ("x-passport-roles", list(caller.roles())),
        ("x-passport-roles-known", caller.roles_known().to_string()),
        ("x-passport-permissions", list(caller.permissions())),
        ("cache-control", "no-store".to_owned()),
    ]
}
