//! Logs and metrics of the store.

use std::error::Error;

use metrics::{counter, gauge};
use passport_core::{ClientId, with_causes};

use super::StoreError;
use crate::metrics::{CLIENT_ID, STORE_FAILURES, STORE_UP, TARGET};

/// Records that a call to the store failed. The instance continues without the store.
pub(super) fn store_failed(client_id: &ClientId, error: &StoreError) {
    counter!(STORE_FAILURES, CLIENT_ID => client_id.to_string()).increment(1);
    tracing::warn!(target: TARGET, %client_id, cause = error.source().map(with_causes).map(display), "going on without the token store: {error}");
}

/// Records that the circuit was opened or closed.
pub(super) fn store_up(works: bool) {
    gauge!(STORE_UP).set(if works { 1.0 } else { 0.0 });
    if works {
        tracing::info!(target: TARGET, "the token store works again");
    } else {
        tracing::warn!(
            target: TARGET,
            "the token store is left alone until it works again; meanwhile each instance fetches tokens for itself"
        );
    }
}

/// Records that a probe of the store failed.
pub(super) fn store_still_fails(error: &StoreError) {
    tracing::debug!(target: TARGET, cause = error.source().map(with_causes).map(display), "the token store does not work yet: {error}");
}
