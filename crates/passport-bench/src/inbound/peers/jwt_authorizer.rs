//! jwt-authorizer, on axum 0.7, the newest version that it supports (its figures include that
//! router). ring verifies, and a mutex guards its keys. A token without `iss` or `aud` passes.

use axum07::{Router, body::Body, routing::get};
use http::StatusCode;
use jwt_authorizer::{IntoLayer, JwtAuthorizer, JwtClaims, Validation};
use tower::Layer;

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
pub struct JwtAuthorizerOnAxum07<const AROUND: bool>;

impl<const AROUND: bool> Contender for JwtAuthorizerOnAxum07<AROUND> {
    const NAME: &'static str = "jwt-authorizer";

    async fn protect(site: &Site) -> Subject {
        let validation = Validation::new().iss(&[site.issuer()]).aud(&[AUDIENCE]);
        let authorizer = JwtAuthorizer::<PassportClaims>::from_oidc(site.issuer()).validation(validation);
        let authorizer = authorizer.build().await.expect("the issuer responds");
        let (router, layer) = (Router::new().route("/", get(handler)), authorizer.into_layer());
        if AROUND {
            Subject::new::<_, Body, _>(layer.layer(router.with_state::<()>(())))
        } else {
            Subject::new::<_, Body, _>(router.layer(layer).with_state::<()>(()))
        }
    }
}
