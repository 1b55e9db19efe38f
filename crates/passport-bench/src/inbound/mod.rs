//! The contenders of the inbound side, one file each.

mod bare;
mod floor;
mod on_axum;
mod ours;
pub mod raw;

#[cfg(feature = "peers")]
mod peers {
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

/// One way to let only callers with a good token through to a handler.
///
/// The handler takes what the contender hands over, looks at the subject (so that nobody wins by
/// handing over nothing) and answers 200 without a body.
pub trait Contender: 'static {
    /// As the tables have it.
    const NAME: &'static str;

    /// Changes a token of Passport's before it is signed, for a contender that cannot take one as
    /// it is.
    fn adapt(draft: TestJwtBuilder, _: &Site) -> TestJwtBuilder {
        draft
    }

    fn protect(site: &Site) -> impl Future<Output = Subject> + Send;
}

/// A contender, without its type.
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

    /// Ready to be measured: its keys are there, and a token like those that it will be shown
    /// passes.
    pub async fn warmed(&self, site: &Site) -> Subject {
        let subject = (self.protect)(site).await;
        let one = Batch::of(self.authorizations(site, 1), 1);
        for _ in 0..250 {
            if subject.run(one.clone()).await.accepted == 1 {
                return subject;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} lets nobody through", self.name)
    }

    /// So many good tokens, as this contender is shown them.
    pub fn authorizations(&self, site: &Site, count: usize) -> Arc<[HeaderValue]> {
        (0..count).map(|_| bearer(&(self.adapt)(site.draft(), site).build())).collect()
    }
}

/// Around a bare `service_fn`: what a layer costs where nothing else does.
pub const ON_A_SERVICE: [Entry; 5] = [
    Entry::of::<bare::BareService>(),
    Entry::of::<bare::NoOpLayer>(),
    Entry::of::<floor::FloorOnAService>(),
    Entry::of::<ours::OursOnAService>(),
    Entry::of::<ours::OursWithoutCacheOnAService>(),
];

/// The one that all others are asked about.
pub const OURS_ON_AXUM: Entry = Entry::of::<ours::Ours>();

/// Ours with and without a table of verified tokens.
pub const OURS_BOTH_WAYS: [Entry; 2] =
    [Entry::of::<ours::OursOnAService>(), Entry::of::<ours::OursWithoutCacheOnAService>()];

/// Ours with room for more tokens than by default.
pub const OURS_WITH_ROOM: Entry = Entry::of::<ours::OursWithRoom>();

/// Around an axum router: what everybody can be compared on.
pub const ON_AXUM: [Entry; 5] = [
    Entry::of::<bare::BareAxum>(),
    Entry::of::<bare::NoOpOnAxum>(),
    Entry::of::<floor::FloorOnAxum>(),
    Entry::of::<ours::Ours>(),
    Entry::of::<ours::OursWithoutCache>(),
];

/// The same, each as its README has it.
#[cfg(feature = "peers")]
pub const PEERS_ON_AXUM: [Entry; 9] = [
    Entry::of::<peers::home_made::HomeMade>(),
    Entry::of::<peers::aliri_tower::AliriTower>(),
    Entry::of::<peers::axum_jose::AxumJose>(),
    Entry::of::<peers::axum_jwt_auth::AxumJwtAuth>(),
    Entry::of::<peers::axum_keycloak_auth::AxumKeycloakAuth>(),
    Entry::of::<peers::cf_gears_toolkit_auth::CfGearsToolkitAuth>(),
    Entry::of::<peers::huskarl_axum::HuskarlAxum>(),
    Entry::of::<peers::jwt_authorizer::JwtAuthorizerOnAxum07>(),
    Entry::of::<peers::tower_oauth2_resource_server::TowerOauth2ResourceServer>(),
];

/// Everyone on axum, as there are features.
pub fn all() -> Vec<Entry> {
    #[cfg(feature = "peers")]
    let peers = PEERS_ON_AXUM;
    #[cfg(not(feature = "peers"))]
    let peers = [];
    ON_AXUM.into_iter().chain(peers).collect()
}
