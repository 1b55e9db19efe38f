//! Logs and metrics of token requests.

use metrics::counter;
use passport_core::ClientId;

use crate::metrics::{CLIENT_ID, REQUESTS, TARGET};

/// Counts a token request. The sum over the instances of a fleet is the load on Passport.
pub(super) fn token_request(client_id: &ClientId) {
    counter!(REQUESTS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// Records that the client secret was read.
pub(super) fn secret_read(client_id: &ClientId, version: &str) {
    tracing::debug!(target: TARGET, %client_id, secret_version = version, "client secret read");
}

/// Records that Passport rejected the secret, and that the provider now has a newer one.
pub(super) fn secret_changed(client_id: &ClientId, version: &str) {
    tracing::info!(
        target: TARGET,
        %client_id,
        secret_version = version,
        "client secret rejected, retrying with the newer one that the provider has now"
    );
}
