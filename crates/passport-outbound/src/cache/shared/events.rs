//! Logs and metrics of token fetches through a shared store.

use std::time::{Duration, SystemTime};

use metrics::{counter, histogram};
use passport_core::ClientId;

use crate::metrics::{CLIENT_ID, SHARED, SHARED_SECONDS, TARGET};

/// How an instance got a token, or why it got no token. The metrics have this value as the label
/// `path`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchPath {
    /// The token was in the store.
    Found,
    /// The instance got the lease immediately, and fetched the token.
    Leased,
    /// The instance waited for another lease holder, but that holder stored no token. Then the
    /// instance got the lease, and fetched the token.
    LeasedLater,
    /// The instance waited for another lease holder, and used the token that the holder stored.
    Waited,
    /// The instance fetched the token without the lease, because the store failed or other
    /// instances held the lease for too long.
    Alone,
    /// The instance got no new token. Its current token is still valid, and another instance holds
    /// the lease for the refresh.
    Postponed,
}

/// Counts and logs a token fetch through the shared store, and records its duration `took`, by
/// client id and path.
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

/// The clock skew between two instances above which a warning is logged.
const MAX_SKEW: Duration = Duration::from_secs(60);

/// Logs a warning if the clock of the instance that stored a token differs from the local clock
/// by more than [`MAX_SKEW`]. `issued_at` is the time of issue by the clock of that instance.
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
