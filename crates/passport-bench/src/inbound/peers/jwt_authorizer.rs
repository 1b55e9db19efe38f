//! jwt-authorizer, on axum 0.7, the newest version that it supports (its figures include that
//! router). ring verifies, and a mutex guards its keys. A token without `iss` or `aud` passes.

use axum07::{Router, body::Body, routing::get};
use http::StatusCode;
use jwt_authorizer::{IntoLayer, JwtAuthorizer, JwtClaims, Validation};

use crate::inbound::{Contender, on_axum::respond};
use crate::{
    claims::PassportClaims,
    site::{AUDIENCE, Site},
    subject::Subject,
};

async fn handler(JwtClaims(claims): JwtClaims<PassportClaims>) -> StatusCode {
    respond(&claims.sub)
}

#[derive(Debug)]
pub struct JwtAuthorizerOnAxum07;

impl Contender for JwtAuthorizerOnAxum07 {
    const NAME: &'static str = "jwt-authorizer";

    async fn protect(site: &Site) -> Subject {
        let validation = Validation::new().iss(&[site.issuer()]).aud(&[AUDIENCE]);
        let authorizer = JwtAuthorizer::<PassportClaims>::from_oidc(site.issuer()).validation(validation);
        let authorizer = authorizer.build().await.expect("the issuer responds");
        let router: Router = Router::new().route("/", get(handler)).layer(authorizer.into_layer());
        Subject::new::<_, Body, _>(router)
    }
}
