//! Logs and metrics of token requests.

use std::error::Error;

use metrics::counter;
use passport_core::{ClientId, Issuer, with_causes};

use crate::metrics::{CLIENT_ID, REQUESTS, TARGET};

/// Counts a token request. Summed over the instances of a fleet, this is the load on Passport.
pub(super) fn token_request(client_id: &ClientId) {
    counter!(REQUESTS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// Records that the client secret was read.
pub(super) fn secret_read(client_id: &ClientId, version: &str) {
    tracing::debug!(target: TARGET, %client_id, secret_version = version, "client secret read");
}

/// Records that Passport rejected the secret, and that its provider has another one by now.
pub(super) fn secret_changed(client_id: &ClientId, version: &str) {
    tracing::info!(
        target: TARGET,
        %client_id,
        secret_version = version,
        "the client secret was refused and has changed since; asking with the new one"
    );
}

/// Records that the issuer's discovery document could not be read.
pub(super) fn auth_methods_unknown(issuer: &Issuer, error: &(dyn Error + 'static)) {
    tracing::debug!(
        target: TARGET,
        %issuer,
        %error,
        cause = error.source().map(with_causes).map(display),
        "the issuer does not say how clients authenticate; it is done as before, at first by client_secret_basic"
    );
}
