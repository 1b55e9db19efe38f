//! axum-jose: a layer over a cached key set, from which it builds the key again for each call.
//! Its issuer is a `Url`, which always ends a host in a slash, so its tokens have an issuer with
//! a slash as well. A token without `iss` or `aud` passes.

use std::{num::NonZero, time::Duration};

use axum::{Extension, Router, routing::get};
use axum_jose::{AuthorizationLayer, RemoteJwkSet, authorization::Claims};
use http::StatusCode;
use passport_dev::TestJwtBuilder;
use serde_json::Value;
use url::Url;

use crate::inbound::{
    Contender,
    on_axum::{protected, respond},
};
use crate::{
    site::{AUDIENCE, Site},
    subject::Subject,
};

async fn handler(Extension(Claims(claims)): Extension<Claims>) -> StatusCode {
    respond(claims.get("sub").and_then(Value::as_str).unwrap_or_default())
}

#[derive(Debug)]
pub struct AxumJose<const AROUND: bool>;

impl<const AROUND: bool> Contender for AxumJose<AROUND> {
    const NAME: &'static str = "axum-jose";

    fn adapt(draft: TestJwtBuilder, site: &Site) -> TestJwtBuilder {
        draft.claim("iss", format!("{}/", site.issuer()))
    }

    async fn protect(site: &Site) -> Subject {
        let keys = RemoteJwkSet::builder(Url::parse(&site.jwks_url()).expect("the URL is valid"))
            .with_cache(Duration::from_secs(300))
            .with_rate_limit(NonZero::new(10).expect("it is not zero"), Duration::from_secs(60))
            .build();
        let issuer = Url::parse(site.issuer()).expect("the URL is valid");
        let layer = AuthorizationLayer::with_remote_jwk_set(keys, issuer, AUDIENCE.to_owned());
        protected::<AROUND, _, _>(Router::new().route("/", get(handler)), layer)
    }
}
