//! axum-keycloak-auth, with an issuer that looks like a realm of Keycloak. It does not check the
//! issuer, tries its keys one after another (there is one), and requires the claims `typ` and
//! `azp`, which its tokens therefore have.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{Extension, Json, Router, routing::get};
use axum_keycloak_auth::{
    PassthroughMode, Url,
    decode::KeycloakToken,
    instance::{KeycloakAuthInstance, KeycloakConfig},
    layer::KeycloakAuthLayer,
};
use http::StatusCode;
use passport_dev::TestJwtBuilder;
use serde_json::json;
use tokio::net::TcpListener;

use crate::inbound::{
    Contender,
    on_axum::{protected, respond},
};
use crate::{
    claims::PrivateClaims,
    site::{AUDIENCE, Site},
    subject::Subject,
};

const REALM: &str = "passport";

/// Serves the discovery document at Keycloak's path.
async fn keycloak(site: &Site) -> Url {
    let issuer = site.issuer();
    let discovery = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/passport/authorize"),
        "jwks_uri": site.jwks_url(),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    let path = format!("/realms/{REALM}/.well-known/openid-configuration");
    let router: Router = Router::new().route(&path, get(move || async move { Json(discovery) }));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
    let address = listener.local_addr().expect("the listener is bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    Url::parse(&format!("http://{address}/")).expect("the URL is valid")
}

async fn handler(Extension(token): Extension<KeycloakToken<String, PrivateClaims>>) -> StatusCode {
    respond(&token.subject)
}

#[derive(Debug)]
pub struct AxumKeycloakAuth<const AROUND: bool>;

impl<const AROUND: bool> Contender for AxumKeycloakAuth<AROUND> {
    const NAME: &'static str = "axum-keycloak-auth";

    fn adapt(draft: TestJwtBuilder, _: &Site) -> TestJwtBuilder {
        draft.claim("typ", "Bearer").claim("azp", "payroll")
    }

    async fn protect(site: &Site) -> Subject {
        let config = KeycloakConfig::builder().server(keycloak(site).await).realm(REALM.to_owned()).build();
        let instance = Arc::new(KeycloakAuthInstance::new(config));
        // Its service panics if it is called before discovery has begun.
        while !instance.is_operational().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let layer = KeycloakAuthLayer::<String, PrivateClaims>::builder()
            .instance(instance)
            .passthrough_mode(PassthroughMode::Block)
            .expected_audiences(vec![AUDIENCE.to_owned()])
            .build();
        protected::<AROUND, _, _>(Router::new().route("/", get(handler)), layer)
    }
}
