//! The usual code without a crate: keys fetched once, jsonwebtoken 11, a function as the layer.
//! It never notices new keys, and caches no token.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation, decode, decode_header, jwk::JwkSet};

use crate::inbound::{
    Contender,
    on_axum::{protected, respond},
};
use crate::{
    claims::PassportClaims,
    site::{AUDIENCE, Site},
    subject::Subject,
};

struct Verifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl Verifier {
    async fn of(site: &Site) -> Self {
        let response = reqwest::get(site.jwks_url()).await.expect("the issuer responds");
        let body = response.bytes().await.expect("the response is complete");
        let set: JwkSet = serde_json::from_slice(&body).expect("the body is a JWKS");
        let keys = set.keys.iter().map(|jwk| {
            let kid = jwk.common.key_id.clone().expect("the keys have a kid");
            (kid, DecodingKey::from_jwk(jwk).expect("the keys are valid"))
        });
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[site.issuer()]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Self { keys: keys.collect(), validation }
    }

    fn verified(&self, headers: &HeaderMap) -> Option<PassportClaims> {
        let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let key = self.keys.get(&decode_header(token).ok()?.kid?)?;
        let data: TokenData<PassportClaims> = decode(token, key, &self.validation).ok()?;
        Some(data.claims)
    }
}

async fn authenticate(State(verifier): State<Arc<Verifier>>, mut request: Request, next: Next) -> Response {
    match verifier.verified(request.headers()) {
        Some(claims) => {
            request.extensions_mut().insert(claims);
            next.run(request).await
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn handler(Extension(claims): Extension<PassportClaims>) -> StatusCode {
    respond(&claims.sub)
}

#[derive(Debug)]
pub struct HomeMade<const AROUND: bool>;

impl<const AROUND: bool> Contender for HomeMade<AROUND> {
    const NAME: &'static str = "home-made (jsonwebtoken 11)";

    async fn protect(site: &Site) -> Subject {
        let verifier = Arc::new(Verifier::of(site).await);
        let layer = middleware::from_fn_with_state(verifier, authenticate);
        protected::<AROUND, _, _>(Router::new().route("/", get(handler)), layer)
    }
}
