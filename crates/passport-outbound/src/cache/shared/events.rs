//! Logs and metrics of fetches through a shared store.

use std::time::{Duration, SystemTime};

use metrics::{counter, histogram};
use passport_core::ClientId;

use crate::metrics::{CLIENT_ID, SHARED, SHARED_SECONDS, TARGET};

/// The path by which an instance got a token from the shared store or a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchPath {
    /// The token was in the store.
    Found,
    /// The instance got the lease immediately, and fetched the token.
    Leased,
    /// The instance waited for another lease holder, which published nothing. Then it got the lease
    /// and fetched the token.
    LeasedLater,
    /// The instance waited for the token of another lease holder.
    Waited,
    /// The instance fetched the token without a lease.
    Alone,
    /// The instance has a valid token, and leaves the refresh to another lease holder.
    Postponed,
}

/// Records a fetch through the shared store.
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
    tracing::debug!(target: TARGET, %client_id, path = name, "token fetch through the shared store ended");
}

/// The maximum clock skew that is not logged.
const MAX_SKEW: Duration = Duration::from_secs(60);

/// Warns that the clock of the instance that stored a token differs from the local one.
/// `assumed` is the time of issue by the local clock.
pub(super) fn clocks_differ(client_id: &ClientId, issued_at: SystemTime, assumed: SystemTime) {
    let skew = issued_at.duration_since(assumed).unwrap_or_else(|earlier| earlier.duration());
    if skew > MAX_SKEW {
        tracing::warn!(
            target: TARGET,
            %client_id,
            ?skew,
            "clocks of two instances differ: synchronize them (NTP); until then, a shared token is used only while it is valid by both clocks"
        );
    }
}
