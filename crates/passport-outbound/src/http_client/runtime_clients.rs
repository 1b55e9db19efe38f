//! A connection pool for each tokio runtime.
//!
//! The task of a pooled connection runs on the runtime of the request that opened it. If each
//! test or each blocking call creates a runtime, a request could get a connection of another
//! runtime, and fail or hang when that runtime ends.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use moka::{policy::EvictionPolicy, sync::Cache};
use reqwest::{Client, ClientBuilder};
use tokio::runtime::{Handle, Id};

/// The number of runtimes with a pool, besides the first runtime. The pool of the least recently
/// used runtime is evicted.
const MAX_RUNTIMES: u64 = 64;

/// One reqwest client for each runtime, with equal settings and its own connection pool.
pub(super) struct RuntimeClients {
    /// Creates the builder of each client.
    settings: Box<dyn Fn() -> ClientBuilder + Send + Sync>,
    /// The client of the first runtime.
    first: Client,
    /// The runtime of the first request. Its requests use `first`.
    first_runtime: OnceLock<Id>,
    /// The client for the first request of each other runtime. It keeps no idle connections.
    unpooled: OnceLock<Client>,
    /// The clients for the later requests of the other runtimes.
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

    /// Returns a client to build requests with. [`of_this_runtime`](Self::of_this_runtime) returns
    /// the one that sends them.
    pub(super) fn any(&self) -> &Client {
        &self.first
    }

    /// Returns the client to send a request with, on the current runtime.
    ///
    /// The first request on any runtime but the first uses a connection that is not pooled. Many
    /// such runtimes run a single request, and creating a client for each would be expensive: it
    /// loads the root certificates.
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
            // Unlikely, because the first client was built with the same settings.
            Err(_) => self.first.clone(),
        }
    }
}

impl fmt::Debug for RuntimeClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeClients").finish_non_exhaustive()
    }
}
