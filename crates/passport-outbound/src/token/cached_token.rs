//! A fetched token, with its refresh schedule and metrics.

use std::sync::Arc;

use metrics::Counter;
use passport_core::AccessToken;

use super::schedule::Schedule;

/// A fetched token, as an entry caches it.
#[derive(Clone, Debug)]
pub(crate) struct CachedToken {
    pub(crate) token: AccessToken,
    pub(crate) schedule: Schedule,
    /// The number of the token fetch that returned the token. Later tokens of the same entry have
    /// higher numbers.
    pub(crate) generation: u64,
    /// The requested scopes that Passport did not grant.
    pub(crate) missing_scopes: Arc<[String]>,
    /// The counter of calls that got a cached token. The counter is registered once per token, so
    /// that a call only increments the counter.
    pub(crate) hits: Counter,
}
