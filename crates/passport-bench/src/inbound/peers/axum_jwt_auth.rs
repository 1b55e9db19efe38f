//! axum-jwt-auth: an extractor over a key cache that is refreshed in the background. By default
//! it verifies with the slower `rsa` crate; here it uses the provider that the process has
//! installed.

use std::sync::Arc;

use axum::{Router, routing::get};
use axum_jwt_auth::{Claims, Decoder, RemoteJwksDecoder};
use http::StatusCode;
use jsonwebtoken10::{Algorithm, Validation};

use crate::inbound::{Contender, on_axum::respond};
use crate::{
    claims::PassportClaims,
    site::{AUDIENCE, Site},
    subject::Subject,
};

async fn handler(caller: Claims<PassportClaims>) -> StatusCode {
    respond(&caller.claims.sub)
}

#[derive(Debug)]
pub struct AxumJwtAuth;

impl Contender for AxumJwtAuth {
    const NAME: &'static str = "axum-jwt-auth";

    async fn protect(site: &Site) -> Subject {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[site.issuer()]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let decoder = RemoteJwksDecoder::builder().jwks_url(site.jwks_url()).validation(validation).build();
        let decoder = decoder.expect("the configuration is valid");
        // The refresh continues until it is canceled; dropping its handle does not cancel it.
        let _refresh = decoder.initialize().await.expect("the issuer responds");
        let decoder: Decoder<PassportClaims> = Arc::new(decoder);
        let router: Router = Router::new().route("/", get(handler)).with_state(decoder);
        Subject::axum(router)
    }
}
