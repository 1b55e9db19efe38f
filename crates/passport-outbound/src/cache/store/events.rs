//! Logs and metrics of a shared store.

use std::error::Error;

use metrics::{counter, gauge};
use passport_core::{ClientId, with_causes};

use super::StoreError;
use crate::metrics::{CLIENT_ID, STORE_FAILURES, STORE_UP, TARGET};

/// Records a failed call to the store. The instance continues without the store.
pub(super) fn store_failed(client_id: &ClientId, error: &StoreError) {
    counter!(STORE_FAILURES, CLIENT_ID => client_id.to_string()).increment(1);
    tracing::warn!(target: TARGET, %client_id, cause = error.source().map(with_causes).map(display), "continuing without the shared token store: {error}");
}

/// Records that the circuit breaker opened.
pub(super) fn circuit_opened() {
    gauge!(STORE_UP).set(0.0);
    tracing::warn!(
        target: TARGET,
        "token store circuit breaker opened: until a probe succeeds, each instance fetches its own tokens from \
         Passport; check the store"
    );
}

/// Records that the circuit breaker closed.
pub(super) fn circuit_closed() {
    gauge!(STORE_UP).set(1.0);
    tracing::info!(target: TARGET, "token store circuit breaker closed: the store is in use again");
}

/// Records a failed probe of the store.
pub(super) fn probe_failed(error: &StoreError) {
    tracing::debug!(target: TARGET, cause = error.source().map(with_causes).map(display), "token store probe failed: {error}");
}
