//! Logs and metrics of fetches that a fleet shares.

use std::time::{Duration, SystemTime};

use metrics::{counter, histogram};
use passport_core::ClientId;

use crate::metrics::{CLIENT_ID, SHARED, SHARED_SECONDS, TARGET};

/// How an instance of a fleet got a token, or why it got none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchPath {
    /// The token was in the store.
    Found,
    /// The instance had the lease at once, and requested the token.
    Leased,
    /// It waited for another lease holder, which published nothing, and then had the lease.
    LeasedLater,
    /// It waited for the token of another lease holder.
    Waited,
    /// It requested the token without a lease.
    Alone,
    /// It has a live token, and leaves the refresh to another lease holder.
    Postponed,
}

/// Records a fetch through the store.
pub(super) fn fetched(client_id: &ClientId, path: FetchPath, took: Duration) {
    let name = match path {
        FetchPath::Found => "found",
        FetchPath::Leased => "leased",
        FetchPath::LeasedLater => "leased_later",
        FetchPath::Waited => "waited",
        FetchPath::Alone => "alone",
        FetchPath::Postponed => "postponed",
    };
    let labels = [(CLIENT_ID, client_id.to_string()), ("path", name.to_owned())];
    counter!(SHARED, &labels).increment(1);
    histogram!(SHARED_SECONDS, &labels).record(took);
    tracing::debug!(target: TARGET, %client_id, path = name, "fetched a token through the shared store");
}

/// The greatest difference of two clocks that is not logged.
const MAX_SKEW: Duration = Duration::from_secs(60);

/// Warns that the clock of the instance that stored a token differs from ours. `assumed` is the
/// time of issue by our clock.
pub(super) fn clocks_differ(client_id: &ClientId, issued_at: SystemTime, assumed: SystemTime) {
    let skew = issued_at.duration_since(assumed).unwrap_or_else(|earlier| earlier.duration());
    if skew > MAX_SKEW {
        tracing::warn!(
            target: TARGET,
            %client_id,
            ?skew,
            "the clocks of two instances differ; a token is used for as long as both allow. Synchronise them"
        );
    }
}
