//! The names of everything this crate emits, in one place. No field ever holds a token or text of a caller.

use std::time::Duration;

use crate::{Rejection, jwks::FetchError};

const TARGET: &str = "passport::inbound";

/// A request was not let through.
pub(crate) fn refused(rejection: &Rejection) {
    match rejection {
        Rejection::Miswired => tracing::error!(
            target: TARGET,
            "a guard or an extractor found no identity: no AuthenticateLayer ran before it; add one outside of it"
        ),
        Rejection::KeysUnavailable { retry_after } => {
            // Anyone can cause it for as long as there are no keys; the failed attempts are what is warned of.
            tracing::debug!(target: TARGET, ?retry_after, "request refused: the signing keys are unavailable");
        }
        Rejection::CredentialsMissing | Rejection::Forbidden(_) => {
            tracing::debug!(target: TARGET, reason = ?rejection, "request refused");
        }
        Rejection::Token(reason) => {
            tracing::debug!(target: TARGET, reason = ?reason, "request refused: {reason}");
        }
    }
}

/// A key set was installed.
pub(crate) fn keys_installed(issuer: &str, usable: usize) {
    tracing::info!(target: TARGET, issuer, usable, "signing keys installed");
}

/// A key set could not be had; the one before it stays.
pub(crate) fn keys_not_installed(issuer: &str, error: &FetchError, age: Option<Duration>) {
    tracing::warn!(target: TARGET, issuer, ?age, error = error as &dyn std::error::Error, "signing keys not refreshed");
}

/// An entry of a key set is of no use here.
pub(crate) fn key_skipped(position: usize) {
    tracing::debug!(target: TARGET, position, "an entry of the key set is not a usable RS256 key; skipped");
}
