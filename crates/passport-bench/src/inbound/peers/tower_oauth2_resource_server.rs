//! tower-oauth2-resource-server: a layer over keys that are fetched in the background once a
//! minute. It copies all headers of a request to read one, and builds its rules again for each
//! call.

use axum::{Extension, Router, body::Body, routing::get};
use http::StatusCode;
use tower_oauth2_resource_server::{server::OAuth2ResourceServer, tenant::TenantConfiguration};

use crate::inbound::{
    Contender,
    on_axum::{protected, respond},
};
use crate::{
    claims::PassportClaims,
    site::{AUDIENCE, Site},
    subject::Subject,
};

async fn handler(Extension(claims): Extension<PassportClaims>) -> StatusCode {
    respond(&claims.sub)
}

#[derive(Debug)]
pub struct TowerOauth2ResourceServer<const AROUND: bool>;

impl<const AROUND: bool> Contender for TowerOauth2ResourceServer<AROUND> {
    const NAME: &'static str = "tower-oauth2-resource-server";

    async fn protect(site: &Site) -> Subject {
        let tenant = TenantConfiguration::builder(site.issuer()).audiences(&[AUDIENCE]).build().await;
        let tenant = tenant.expect("the issuer responds");
        let server = OAuth2ResourceServer::<PassportClaims>::builder().add_tenant(tenant).build().await;
        let server = server.expect("the tenant is configured");
        protected::<AROUND, _, _>(Router::new().route("/", get(handler)), server.into_layer::<Body>())
    }
}
