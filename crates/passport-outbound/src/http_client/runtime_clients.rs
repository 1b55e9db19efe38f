//! A connection pool for each tokio runtime.
//!
//! The task of a pooled connection runs on the tokio runtime of the request that opened the
//! connection. Some programs create many runtimes, for example one for each test or each
//! blocking call. If the runtimes shared one pool, a request could get a connection of another
//! runtime, and fail or hang when that runtime ends.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use moka::{policy::EvictionPolicy, sync::Cache};
use reqwest::{Client, ClientBuilder};
use tokio::runtime::{Handle, Id};

/// The maximum number of runtimes with their own pool, besides the first runtime. If there are
/// more, the pool of the least recently used runtime is evicted.
const MAX_RUNTIMES: u64 = 64;

/// One reqwest client for each tokio runtime. The clients have equal settings, but separate
/// connection pools.
pub(super) struct RuntimeClients {
    /// Creates a client builder with the settings, once for each client.
    settings: Box<dyn Fn() -> ClientBuilder + Send + Sync>,
    /// The client of the first runtime, which is built in [`new`](Self::new).
    first: Client,
    /// The runtime of the first request. All requests on this runtime use `first`.
    first_runtime: OnceLock<Id>,
    /// The client that all other runtimes use for their first request. It keeps no idle
    /// connections.
    unpooled: OnceLock<Client>,
    /// The clients of the other runtimes, each for all requests of its runtime after the first one.
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

    /// Returns a client that builds requests. [`of_this_runtime`](Self::of_this_runtime) returns
    /// the client that sends them.
    pub(super) fn any(&self) -> &Client {
        &self.first
    }

    /// Returns the client that sends a request on the current runtime. Outside a runtime, returns
    /// the client of the first runtime.
    ///
    /// The first request on each runtime, except on the first runtime, uses a connection that is
    /// not pooled. Many such runtimes run only one request. To create a client for each of them
    /// would be expensive, because each client loads the root certificates.
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
            // The build can hardly fail, because the first client was built with the same settings.
            Err(_) => self.first.clone(),
        }
    }
}

impl fmt::Debug for RuntimeClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeClients").finish_non_exhaustive()
    }
}
