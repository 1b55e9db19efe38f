//! Logs and metrics of a shared store.

use std::error::Error;

use metrics::{counter, gauge};
use passport_core::{ClientId, with_causes};

use super::StoreError;
use crate::metrics::{CLIENT_ID, STORE_FAILURES, STORE_UP, TARGET};

/// Counts and logs a failed store call. The instance continues without the store.
pub(super) fn store_failed(client_id: &ClientId, error: &StoreError) {
    counter!(STORE_FAILURES, CLIENT_ID => client_id.to_string()).increment(1);
    tracing::warn!(target: TARGET, %client_id, cause = error.source().map(with_causes).map(display), "continuing without the shared token store: {error}");
}

/// Logs that the circuit breaker opened, and sets the gauge of the store to 0.
pub(super) fn circuit_opened() {
    gauge!(STORE_UP).set(0.0);
    tracing::warn!(
        target: TARGET,
        "token store circuit breaker opened: until a probe succeeds, each instance fetches its own tokens from \
         Passport; check the store"
    );
}

/// Logs that the circuit breaker closed, and sets the gauge of the store to 1.
pub(super) fn circuit_closed() {
    gauge!(STORE_UP).set(1.0);
    tracing::info!(target: TARGET, "token store circuit breaker closed: the store is in use again");
}

/// Logs a failed probe of the store, at debug level.
pub(super) fn probe_failed(error: &StoreError) {
    tracing::debug!(target: TARGET, cause = error.source().map(with_causes).map(display), "token store probe failed: {error}");
}
