//! One pool of connections for each tokio runtime.
//!
//! A pooled connection lives on the runtime of the request that opened it. Where each test, or each
//! blocking call, has a runtime of its own, a request of one runtime would get a connection of
//! another, and fail or hang when that one ends.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use moka::{policy::EvictionPolicy, sync::Cache};
use reqwest::{Client, ClientBuilder};
use tokio::runtime::{Handle, Id};

/// The number of runtimes, beside the first, for which connections are kept. The least recently
/// used one is evicted.
const MAX_RUNTIMES: u64 = 64;

/// A client with one connection pool for each runtime.
pub(super) struct RuntimeClients {
    settings: Box<dyn Fn() -> ClientBuilder + Send + Sync>,
    first: Client,
    first_runtime: OnceLock<Id>,
    unpooled: OnceLock<Client>,
    others: Cache<Id, Arc<OnceLock<Client>>>,
}

impl RuntimeClients {
    pub(super) fn new(settings: impl Fn() -> ClientBuilder + Send + Sync + 'static) -> reqwest::Result<Self> {
        let others = Cache::builder().max_capacity(MAX_RUNTIMES).eviction_policy(EvictionPolicy::lru());
        Ok(Self {
            first: settings().build()?,
            settings: Box::new(settings),
            first_runtime: OnceLock::new(),
            unpooled: OnceLock::new(),
            others: others.build(),
        })
    }

    /// Returns a client to build requests with.
    pub(super) fn any(&self) -> &Client {
        &self.first
    }

    /// Returns the client whose pooled connections are on the current runtime.
    ///
    /// The first request of a further runtime has a connection that is not kept: most such runtimes
    /// end with their first request, and a client costs as much as reading the root certificates.
    pub(super) fn of_this_runtime(&self) -> Client {
        let Ok(runtime) = Handle::try_current() else { return self.first.clone() };
        if *self.first_runtime.get_or_init(|| runtime.id()) == runtime.id() {
            return self.first.clone();
        }
        let other = self.others.entry(runtime.id()).or_default();
        let (is_fresh, other) = (other.is_fresh(), other.into_value());
        let cell = if is_fresh { &self.unpooled } else { &*other };
        if let Some(client) = cell.get() {
            return client.clone();
        }
        let idle = if is_fresh { 0 } else { usize::MAX };
        match (self.settings)().pool_max_idle_per_host(idle).build() {
            Ok(client) => cell.get_or_init(|| client).clone(),
            // The root certificates were there before.
            Err(_) => self.first.clone(),
        }
    }
}

impl fmt::Debug for RuntimeClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeClients").finish_non_exhaustive()
    }
}
