//! cf-gears-toolkit-auth: it verifies tokens but has no inbound layer, so a `from_fn` of axum
//! wraps it. It accepts every RSA algorithm, and returns the claims as a JSON value.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use http::{StatusCode, header::AUTHORIZATION};
use serde_json::Value;
use toolkit_auth::{AuthConfig, JwksKeyProvider, KeyProvider, ValidationConfig, validate_claims};

use crate::inbound::{
    Contender,
    on_axum::{protected, respond},
};
use crate::{
    site::{AUDIENCE, Site},
    subject::Subject,
};

struct AuthState {
    keys: JwksKeyProvider,
    rules: ValidationConfig,
}

async fn pass(
    State(state): State<Arc<AuthState>>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
    let verified = state.keys.validate_and_decode(token).await;
    let (_, claims) = verified.map_err(|_| StatusCode::UNAUTHORIZED)?;
    validate_claims(&claims, &state.rules).map_err(|_| StatusCode::UNAUTHORIZED)?;
    request.extensions_mut().insert(Arc::new(claims));
    Ok(next.run(request).await)
}

async fn handler(Extension(claims): Extension<Arc<Value>>) -> StatusCode {
    respond(claims.get("sub").and_then(Value::as_str).unwrap_or_default())
}

#[derive(Debug)]
pub struct CfGearsToolkitAuth<const AROUND: bool>;

impl<const AROUND: bool> Contender for CfGearsToolkitAuth<AROUND> {
    const NAME: &'static str = "cf-gears-toolkit-auth";

    async fn protect(site: &Site) -> Subject {
        let keys = JwksKeyProvider::new(site.jwks_url()).expect("the HTTP client is built");
        keys.refresh_keys().await.expect("the issuer responds");
        let config = AuthConfig {
            issuers: vec![site.issuer().to_owned()],
            audiences: vec![AUDIENCE.to_owned()],
            ..AuthConfig::default()
        };
        let state = Arc::new(AuthState { keys, rules: ValidationConfig::from(&config) });
        let layer = middleware::from_fn_with_state(state, pass);
        protected::<AROUND, _, _>(Router::new().route("/", get(handler)), layer)
    }
}
