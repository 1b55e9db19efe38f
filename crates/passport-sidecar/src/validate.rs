//! Tokens that are judged for services that cannot do it themselves: asked by them, or by the proxy before them.

use std::sync::Arc;

use axum::{
    Extension, Form, Json, Router,
    extract::{DefaultBodyLimit, rejection::FormRejection},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier, VerifyError};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{refusal::Refusal, router::Shared};

/// What has a meaning in a header or in a list there.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b'%').add(b'"');

#[derive(Deserialize)]
struct Shown {
    token: String,
}

pub(crate) fn routes(verifier: Option<TokenVerifier>, max_form: usize) -> Router<Arc<Shared>> {
    let Some(verifier) = verifier else {
        return Router::new()
            .route("/v1/validate", any(not_set_up))
            .route("/v1/auth", any(not_set_up))
            .route("/v1/auth/", any(not_set_up))
            .route("/v1/auth/{*path}", any(not_set_up));
    };
    let auth = Router::new()
        // Envoy asks with the method and the path of the request that it is about.
        .route("/v1/auth", any(who))
        .route("/v1/auth/", any(who))
        .route("/v1/auth/{*path}", any(who))
        // A refusal in gRPC has the status 200, which a proxy takes for a yes.
        .layer(AuthenticateLayer::new(verifier.clone()).http_only());
    let validate = post(validate).layer(DefaultBodyLimit::max(max_form));
    Router::new().route("/v1/validate", validate).layer(Extension(verifier)).merge(auth)
}

async fn not_set_up() -> Refusal {
    let description = "no tokens are judged here; set validate.audience in the configuration";
    Refusal::new(StatusCode::NOT_FOUND, "not_found", description)
}

/// `POST /v1/validate` with `token=`: its claims, in the form of an introspection
/// ([RFC 7662, section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
async fn validate(
    Extension(verifier): Extension<TokenVerifier>,
    shown: Result<Form<Shown>, FormRejection>,
) -> Response {
    let Ok(Form(Shown { token })) = shown else {
        return Refusal::invalid("send a form with token=").into_response();
    };
    let mut response = match verifier.verify(&token).await {
        Ok(caller) => Json(claims(&caller)).into_response(),
        Err(VerifyError::KeysUnavailable { retry_after } | VerifyError::Overloaded { retry_after }) => {
            return Refusal::later("the issuer's keys are not there yet, or too much is asked", retry_after)
                .into_response();
        }
        Err(_) => Json(json!({ "active": false })).into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn claims(caller: &IdInfo) -> Value {
    let seconds = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
    };
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

/// `/v1/auth`, with a token in `Authorization`: 200 and who it is, in headers; or what the inbound layer says.
async fn who(Extension(caller): Extension<IdInfo>) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    let mut say = |name: &'static str, value: &str| {
        let encoded = utf8_percent_encode(value, ENCODED).to_string();
        if let Ok(value) = HeaderValue::try_from(encoded) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    say("x-passport-subject", caller.user_id());
    say("x-passport-name", caller.display_name());
    say("x-passport-tenant", caller.tenant_id());
    say("x-passport-service-account", if caller.is_service_account() { "true" } else { "false" });
    // Also when there is nothing to say: what a client has sent under that name is to be overwritten.
    say("x-passport-email", caller.email().unwrap_or_default());
    say("x-passport-managed-identity", caller.managed_identity_id().unwrap_or_default());
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
