//! huskarl-axum, with its validator for tokens outside RFC 9068 (Passport tokens have the type
//! `JWT`). It also checks for sender-constrained tokens, `iat`, `jti` and `sub`, and verifies
//! with the pure Rust `rsa` crate, its only backend.

use axum::{Router, routing::get};
use http::StatusCode;
use huskarl_axum::{extractors::ValidatedToken, layers::ValidatorLayer};
use huskarl_core::server_metadata::AuthorizationServerMetadata;
use huskarl_reqwest::ReqwestClient;
use huskarl_resource_server::validator::custom::CustomValidator;

use crate::inbound::{
    Contender,
    on_axum::{protected, respond},
};
use crate::{
    claims::PrivateClaims,
    site::{AUDIENCE, Site},
    subject::Subject,
};

async fn handler(caller: ValidatedToken<PrivateClaims>) -> StatusCode {
    respond(caller.sub.as_deref().unwrap_or_default())
}

#[derive(Debug)]
pub struct HuskarlAxum<const AROUND: bool>;

impl<const AROUND: bool> Contender for HuskarlAxum<AROUND> {
    const NAME: &'static str = "huskarl-axum";

    async fn protect(site: &Site) -> Subject {
        // The builder of the crate is not `Send`.
        let client = ReqwestClient::from(reqwest::Client::new());
        let discovery = AuthorizationServerMetadata::oidc_fetch().http_client(&client).issuer(site.issuer());
        let metadata = discovery.call().await.expect("the issuer responds");
        let validator = CustomValidator::builder_from_metadata(&metadata)
            .with_claims::<PrivateClaims>()
            .iss(site.issuer())
            .aud(AUDIENCE)
            .jwks_source(client)
            .build()
            .await
            .expect("the keys were fetched");
        let layer = ValidatorLayer::builder().validator(validator).build();
        protected::<AROUND, _, _>(Router::new().route("/", get(handler)), layer.authenticated())
    }
}
