//! The contenders of the inbound side, one file each.

pub mod bare;
mod floor;
mod on_axum;
pub mod ours;
pub mod raw;

#[cfg(feature = "peers")]
pub mod peers {
    pub mod aliri_tower;
    pub mod axum_jose;
    pub mod axum_jwt_auth;
    pub mod axum_keycloak_auth;
    pub mod cf_gears_toolkit_auth;
    pub mod home_made;
    pub mod huskarl_axum;
    pub mod jwt_authorizer;
    pub mod tower_oauth2_resource_server;
}

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use http::HeaderValue;
use passport_dev::TestJwtBuilder;

use crate::{
    site::{Site, bearer},
    subject::{Batch, Subject},
};

/// A contender: a crate or layer that authenticates requests to a handler.
///
/// The handler takes the claims that the contender provides, reads the subject (so that no
/// contender gains by providing nothing), and responds with 200 and no body.
pub trait Contender: 'static {
    /// The name in the tables.
    const NAME: &'static str;

    /// Changes a Passport token before it is signed, for a contender that does not accept it
    /// unchanged.
    fn adapt(draft: TestJwtBuilder, _: &Site) -> TestJwtBuilder {
        draft
    }

    fn protect(site: &Site) -> impl Future<Output = Subject> + Send;
}

/// A contender without its type.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub name: &'static str,
    adapt: fn(TestJwtBuilder, &Site) -> TestJwtBuilder,
    pub protect: for<'a> fn(&'a Site) -> BoxFuture<'a, Subject>,
}

impl Entry {
    const fn of<C: Contender>() -> Self {
        Self { name: C::NAME, adapt: C::adapt, protect: |site| Box::pin(C::protect(site)) }
    }

    /// Returns a contender that is ready to be measured: it has its keys, and has accepted one of
    /// its tokens.
    pub async fn warmed(&self, site: &Site) -> Subject {
        let subject = (self.protect)(site).await;
        let one = Batch::of(self.authorizations(site, 1), 1);
        for _ in 0..250 {
            if subject.run(one.clone()).await.accepted == 1 {
                return subject;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} accepted no token within 5 s", self.name)
    }

    /// Returns `count` valid tokens for this contender.
    pub fn authorizations(&self, site: &Site, count: usize) -> Arc<[HeaderValue]> {
        (0..count).map(|_| bearer(&(self.adapt)(site.draft(), site).build())).collect()
    }
}

/// Contenders around a bare `service_fn`, which show the cost of the layer alone.
pub const ON_A_SERVICE: [Entry; 6] = [
    Entry::of::<bare::BareService>(),
    Entry::of::<bare::NoOpLayer>(),
    Entry::of::<floor::FloorOnAService>(),
    Entry::of::<ours::OursOnAService>(),
    Entry::of::<ours::OursWithThreeIssuers>(),
    Entry::of::<ours::OursWithoutCacheOnAService>(),
];

/// passport-inbound on axum, which the peers are compared with.
pub const OURS_ON_AXUM: Entry = Entry::of::<ours::Ours>();

/// The contenders of this project that are measured at their start, the baseline first.
pub const OURS_AT_START: [Entry; 3] =
    [Entry::of::<bare::BareAxum>(), OURS_ON_AXUM, Entry::of::<ours::OursWithJwksUrl>()];

/// passport-inbound with and without its token cache.
pub const OURS_WITH_AND_WITHOUT_CACHE: [Entry; 2] =
    [Entry::of::<ours::OursOnAService>(), Entry::of::<ours::OursWithoutCacheOnAService>()];

/// passport-inbound with a requirement.
pub const OURS_WITH_ROLES: Entry = Entry::of::<ours::OursWithRoles>();

/// passport-inbound with introspection.
pub const OURS_INTROSPECTING: Entry = Entry::of::<ours::OursIntrospecting>();

/// passport-inbound with a larger token cache than by default.
pub const OURS_WITH_LARGE_CACHE: Entry = Entry::of::<ours::OursWithLargeCache>();

/// Contenders on each route of an axum router (`Router::layer`), which all peers support.
pub const ON_AXUM: [Entry; 5] = [
    Entry::of::<bare::BareAxum>(),
    Entry::of::<bare::NoOpOnAxum<false>>(),
    Entry::of::<floor::FloorOnAxum<false>>(),
    Entry::of::<ours::Ours>(),
    Entry::of::<ours::OursWithoutCache>(),
];

/// Contenders around a whole axum router.
pub const AROUND_A_ROUTER: [Entry; 4] = [
    Entry::of::<bare::BareAxum>(),
    Entry::of::<bare::NoOpOnAxum<true>>(),
    Entry::of::<floor::FloorOnAxum<true>>(),
    Entry::of::<ours::OursAround>(),
];

/// Peers on axum, each as its README recommends.
#[cfg(feature = "peers")]
pub const PEERS_ON_AXUM: [Entry; 9] = [
    Entry::of::<peers::home_made::HomeMade<false>>(),
    Entry::of::<peers::aliri_tower::AliriTower<false>>(),
    Entry::of::<peers::axum_jose::AxumJose<false>>(),
    Entry::of::<peers::axum_jwt_auth::AxumJwtAuth>(),
    Entry::of::<peers::axum_keycloak_auth::AxumKeycloakAuth<false>>(),
    Entry::of::<peers::cf_gears_toolkit_auth::CfGearsToolkitAuth<false>>(),
    Entry::of::<peers::huskarl_axum::HuskarlAxum<false>>(),
    Entry::of::<peers::jwt_authorizer::JwtAuthorizerOnAxum07<false>>(),
    Entry::of::<peers::tower_oauth2_resource_server::TowerOauth2ResourceServer<false>>(),
];

/// Peers around a whole axum router. axum-jwt-auth cannot be there: it is an extractor.
#[cfg(feature = "peers")]
pub const PEERS_AROUND_A_ROUTER: [Entry; 8] = [
    Entry::of::<peers::home_made::HomeMade<true>>(),
    Entry::of::<peers::aliri_tower::AliriTower<true>>(),
    Entry::of::<peers::axum_jose::AxumJose<true>>(),
    Entry::of::<peers::axum_keycloak_auth::AxumKeycloakAuth<true>>(),
    Entry::of::<peers::cf_gears_toolkit_auth::CfGearsToolkitAuth<true>>(),
    Entry::of::<peers::huskarl_axum::HuskarlAxum<true>>(),
    Entry::of::<peers::jwt_authorizer::JwtAuthorizerOnAxum07<true>>(),
    Entry::of::<peers::tower_oauth2_resource_server::TowerOauth2ResourceServer<true>>(),
];

/// Returns all contenders on axum that the features enable.
pub fn all() -> Vec<Entry> {
    #[cfg(feature = "peers")]
    let peers = PEERS_ON_AXUM;
    #[cfg(not(feature = "peers"))]
    let peers = [];
    ON_AXUM.into_iter().chain(peers).collect()
}

/// Returns all contenders around a router that the features enable.
pub fn all_around_a_router() -> Vec<Entry> {
    #[cfg(feature = "peers")]
    let peers = PEERS_AROUND_A_ROUTER;
    #[cfg(not(feature = "peers"))]
    let peers = [];
    AROUND_A_ROUTER.into_iter().chain(peers).collect()
}
