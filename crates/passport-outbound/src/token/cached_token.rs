use std::sync::Arc;

use metrics::Counter;
use passport_core::AccessToken;

use super::schedule::Schedule;

/// A token and the times of its refresh.
#[derive(Clone, Debug)]
pub(crate) struct CachedToken {
    pub(crate) token: AccessToken,
    pub(crate) schedule: Schedule,
    /// Numbers the tokens of an entry. A later one has a higher number.
    pub(crate) generation: u64,
    /// The scopes that were requested and not granted.
    pub(crate) missing_scopes: Arc<[String]>,
    /// Counts the calls that got this token. Registered once for each token, so that a call only
    /// increments it.
    pub(crate) hits: Counter,
}
