//! passport-inbound, as its README recommends.

use std::time::Duration;

use axum::{Router, routing::get};
use http::{Extensions, StatusCode};
use passport_inbound::{
    AuthenticateLayer, ClaimMap, IdInfo, Introspection, IntrospectionMode, Requirement, SecretSource,
    TenantRule, TokenVerifier, TokenVerifierBuilder, TrustedIssuer,
};
use tower::Layer;

use super::{Contender, bare::Handler, on_axum::respond};
use crate::{
    site::{AUDIENCE, Site},
    subject::Subject,
};

fn layer(site: &Site, with: fn(TokenVerifierBuilder) -> TokenVerifierBuilder) -> AuthenticateLayer {
    let builder = TokenVerifier::builder(AUDIENCE).issuer(site.issuer());
    AuthenticateLayer::new(with(builder).build().expect("the configuration is valid"))
}

/// An issuer that issues no token here.
fn another(issuer: &str) -> TrustedIssuer {
    TrustedIssuer::external(issuer)
        .audience(AUDIENCE)
        .claims(ClaimMap::new().roles_from(["groups"]).role("clerks", "payroll.read"))
        .tenant(TenantRule::fixed("contoso"))
}

async fn handler(caller: IdInfo) -> StatusCode {
    respond(caller.user_id())
}

fn knows_its_caller(extensions: &Extensions) -> bool {
    extensions.get::<IdInfo>().is_some_and(|caller| !caller.user_id().is_empty())
}

/// On each route of an axum router, with all defaults.
#[derive(Debug)]
pub struct Ours;

impl Contender for Ours {
    const NAME: &'static str = "passport-inbound";

    async fn protect(site: &Site) -> Subject {
        let layer = layer(site, |builder| builder);
        Subject::axum(Router::new().route("/", get(handler)).layer(layer))
    }
}

/// On each route of an axum router, with the URL of the keys, which is otherwise discovered.
#[derive(Debug)]
pub struct OursWithJwksUrl;

impl Contender for OursWithJwksUrl {
    const NAME: &'static str = "passport-inbound with jwks_url";

    async fn protect(site: &Site) -> Subject {
        let builder = TokenVerifier::builder(AUDIENCE).issuer(site.issuer()).jwks_url(site.jwks_url());
        let layer = AuthenticateLayer::new(builder.build().expect("the configuration is valid"));
        Subject::axum(Router::new().route("/", get(handler)).layer(layer))
    }
}

/// Around an axum router, with all defaults.
#[derive(Debug)]
pub struct OursAround;

impl Contender for OursAround {
    const NAME: &'static str = "passport-inbound";

    async fn protect(site: &Site) -> Subject {
        Subject::new(layer(site, |builder| builder).around(Router::new().route("/", get(handler))))
    }
}

/// On each route of an axum router, without the token cache.
#[derive(Debug)]
pub struct OursWithoutCache;

impl Contender for OursWithoutCache {
    const NAME: &'static str = "passport-inbound, token cache off";

    async fn protect(site: &Site) -> Subject {
        let layer = layer(site, |builder| builder.cache_tokens(false));
        Subject::axum(Router::new().route("/", get(handler)).layer(layer))
    }
}

/// Around a bare service, with all defaults.
#[derive(Debug)]
pub struct OursOnAService;

impl Contender for OursOnAService {
    const NAME: &'static str = "passport-inbound";

    async fn protect(site: &Site) -> Subject {
        Subject::new(layer(site, |builder| builder).layer(Handler(knows_its_caller)))
    }
}

/// Around a bare service, without the token cache.
#[derive(Debug)]
pub struct OursWithoutCacheOnAService;

impl Contender for OursWithoutCacheOnAService {
    const NAME: &'static str = "passport-inbound, token cache off";

    async fn protect(site: &Site) -> Subject {
        let layer = layer(site, |builder| builder.cache_tokens(false));
        Subject::new(layer.layer(Handler(knows_its_caller)))
    }
}

/// Around a bare service, with two other issuers beside Passport.
#[derive(Debug)]
pub struct OursWithThreeIssuers;

impl Contender for OursWithThreeIssuers {
    const NAME: &'static str = "passport-inbound, three issuers";

    async fn protect(site: &Site) -> Subject {
        let layer = layer(site, |builder| {
            builder
                .trust(another("https://login.example/realms/one"))
                .trust(another("https://login.example/realms/two"))
        });
        Subject::new(layer.layer(Handler(knows_its_caller)))
    }
}

/// Around a bare service, with a requirement of two roles.
#[derive(Debug)]
pub struct OursWithRoles;

impl Contender for OursWithRoles {
    const NAME: &'static str = "passport-inbound, with roles";

    async fn protect(site: &Site) -> Subject {
        let requirement = Requirement::role("payroll.read").and(Requirement::role("payroll.write"));
        let layer = layer(site, |builder| builder).require(requirement);
        Subject::new(layer.layer(Handler(knows_its_caller)))
    }
}

/// Around a bare service, with an answer of the issuer for each token that is at most a minute old.
#[derive(Debug)]
pub struct OursIntrospecting;

impl Contender for OursIntrospecting {
    const NAME: &'static str = "passport-inbound, introspecting";

    async fn protect(site: &Site) -> Subject {
        let client = site.passport().managed_identity("introspecting").create();
        let mode = IntrospectionMode::LocalThenIntrospect { max_age: Duration::from_secs(60) };
        let secret = SecretSource::from_value(client.secret());
        let introspection = Introspection::new(client.client_id(), secret).mode(mode);
        let builder = TokenVerifier::builder(AUDIENCE).issuer(site.issuer()).introspection(introspection);
        let layer = AuthenticateLayer::new(builder.build().expect("the configuration is valid"));
        Subject::new(layer.layer(Handler(knows_its_caller)))
    }
}

/// Around a bare service, with a larger token cache than by default.
#[derive(Debug)]
pub struct OursWithLargeCache;

impl Contender for OursWithLargeCache {
    const NAME: &'static str = "passport-inbound, with room";

    async fn protect(site: &Site) -> Subject {
        let layer =
            layer(site, |builder| builder.max_cached_tokens(200_000).max_cached_bytes(1024 * 1024 * 1024));
        Subject::new(layer.layer(Handler(knows_its_caller)))
    }
}
