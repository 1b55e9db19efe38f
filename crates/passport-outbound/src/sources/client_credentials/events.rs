//! Logs and metrics of token requests.

use metrics::counter;
use passport_core::ClientId;

use crate::metrics::{CLIENT_ID, REQUESTS, TARGET};

/// Increments the counter of token requests, by client id. The sum over all instances is the
/// load on Passport.
pub(super) fn token_request(client_id: &ClientId) {
    counter!(REQUESTS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// Logs the version of the client secret that was read, at debug level.
pub(super) fn secret_read(client_id: &ClientId, version: &str) {
    tracing::debug!(target: TARGET, %client_id, secret_version = version, "client secret read");
}

/// Logs that Passport rejected the client secret, and that the token request is retried with the
/// newer secret that the secret provider returned. `version` is the version of the newer secret.
pub(super) fn secret_changed(client_id: &ClientId, version: &str) {
    tracing::info!(
        target: TARGET,
        %client_id,
        secret_version = version,
        "client secret rejected, retrying with the newer one that the secret provider returned"
    );
}
