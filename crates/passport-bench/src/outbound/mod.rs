//! The contenders of the outbound side, one file each.

pub mod bare;
pub mod ours;
mod receiver;
mod retrying;
mod static_header;
mod token_endpoint;

#[cfg(feature = "peers")]
pub mod peers {
    pub mod aliri_reqwest;
    pub mod azure_identity;
    pub mod cf_gears_toolkit_auth;
    pub mod google_cloud_auth;
    pub mod home_made;
    pub mod huskarl;
    pub mod middle;
}

use std::{future::Future, time::Duration};

use futures_util::future::BoxFuture;

pub use self::{receiver::Receiver, token_endpoint::TokenEndpoint};
use crate::subject::Subject;

pub const CLIENT_ID: &str = "payroll-scheduler";
pub const CLIENT_SECRET: &str = "s3cret-for-the-benchmark";
pub const SCOPES: [&str; 2] = ["openid", "roles"];

/// The URL of the requests.
pub const DESTINATION: &str = "https://api.example.com/payroll";

/// A contender: a crate or layer that attaches a service's token to each request.
pub trait Contender: 'static {
    /// The name in the tables.
    const NAME: &'static str;

    /// The token lifetime with which a refresh is due about three seconds after a fetch.
    const LIFETIME: Duration;

    fn attach(endpoint: &TokenEndpoint) -> impl Future<Output = Subject> + Send;
}

/// A contender without its type.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub name: &'static str,
    pub lifetime: Duration,
    /// The name of the baseline: the same client without a token.
    pub bare: &'static str,
    pub attach: for<'a> fn(&'a TokenEndpoint) -> BoxFuture<'a, Subject>,
}

impl Entry {
    const fn of<C: Contender>() -> Self {
        Self::above::<C, bare::BareClient>()
    }

    const fn above<C: Contender, Bare: Contender>() -> Self {
        Self {
            name: C::NAME,
            lifetime: C::LIFETIME,
            bare: Bare::NAME,
            attach: |endpoint| Box::pin(C::attach(endpoint)),
        }
    }
}

pub use self::ours::{REDIS, many_identities};

/// The baseline, the floor and passport-outbound.
pub const OURS: [Entry; 3] =
    [Entry::of::<bare::BareClient>(), Entry::of::<static_header::StaticHeader>(), Entry::of::<ours::Ours>()];

/// passport-outbound with a receiver that rejects each token once. Only its instructions are
/// counted.
pub const REJECTED_AND_RETRIED: Entry = Entry::of::<retrying::RejectedAndRetried>();

#[cfg(feature = "peers")]
pub use self::with_peers::PEERS;

#[cfg(feature = "peers")]
mod with_peers {
    use super::{Entry, peers::*};

    /// Peers, each as its documentation recommends.
    pub const PEERS: [Entry; 8] = [
        Entry::above::<aliri_reqwest::BareReqwestMiddleware, aliri_reqwest::BareReqwestMiddleware>(),
        Entry::of::<home_made::HomeMade>(),
        Entry::above::<aliri_reqwest::AliriReqwest, aliri_reqwest::BareReqwestMiddleware>(),
        Entry::of::<azure_identity::AzureIdentity>(),
        Entry::of::<cf_gears_toolkit_auth::CfGearsToolkitAuth>(),
        Entry::of::<google_cloud_auth::GoogleCloudAuth>(),
        Entry::of::<huskarl::Huskarl>(),
        Entry::of::<middle::Middle>(),
    ];
}

/// Returns passport-outbound with and without Redis, and the peers, which share no tokens
/// between processes.
pub fn in_a_fleet() -> Vec<Entry> {
    let ours = [Entry::of::<ours::OursOnRedis>(), Entry::of::<ours::Ours>()];
    let others = all().into_iter().filter(|entry| OURS.iter().all(|ours| ours.name != entry.name));
    ours.into_iter().chain(others.filter(|entry| entry.name != entry.bare)).collect()
}

/// Returns all contenders that the features enable.
pub fn all() -> Vec<Entry> {
    #[cfg(feature = "peers")]
    let peers = PEERS;
    #[cfg(not(feature = "peers"))]
    let peers = [];
    OURS.into_iter().chain(peers).collect()
}
