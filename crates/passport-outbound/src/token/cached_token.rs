use std::sync::Arc;

use metrics::Counter;
use passport_core::AccessToken;

use super::schedule::Schedule;

/// A token and when it is to be refreshed.
#[derive(Clone, Debug)]
pub(crate) struct CachedToken {
    pub(crate) token: AccessToken,
    pub(crate) schedule: Schedule,
    /// Which token of this slot it is. A later one has a higher number.
    pub(crate) generation: u64,
    /// What was asked for and not granted.
    pub(crate) missing_scopes: Arc<[String]>,
    /// How often it was handed out. Registered once for each token, so that a call only adds to it.
    pub(crate) hits: Counter,
}
