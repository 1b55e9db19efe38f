//! A token with the times and the counter that belong to it.

use std::sync::Arc;

use metrics::Counter;
use passport_core::AccessToken;

use super::schedule::Schedule;

/// A fetched token and its refresh schedule.
#[derive(Clone, Debug)]
pub(crate) struct CachedToken {
    pub(crate) token: AccessToken,
    pub(crate) schedule: Schedule,
    /// The number of the token within its entry. A later token has a higher number.
    pub(crate) generation: u64,
    /// The requested scopes that Passport did not grant.
    pub(crate) missing_scopes: Arc<[String]>,
    /// Counts the calls that got this token. It is registered once per token, so that a call only
    /// increments it.
    pub(crate) hits: Counter,
}
