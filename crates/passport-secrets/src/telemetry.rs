//! The names of everything this crate emits. No field and no label ever holds a secret.

use std::time::{Duration, UNIX_EPOCH};

use metrics::{counter, gauge};
use passport_core::{ResolvedSecret, SecretError, SecretRef};

const TARGET: &str = "passport::secrets";

const READS: &str = "passport_secrets_reads_total";
const STALE: &str = "passport_secrets_stale_total";
const EXPIRY: &str = "passport_secrets_expiry_timestamp_seconds";
const ROTATIONS: &str = "passport_secrets_rotations_total";

/// From when on a secret that ends is warned about.
const SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A provider was asked.
pub(crate) fn read(reference: &SecretRef, result: &Result<ResolvedSecret, SecretError>) {
    let outcome = if result.is_ok() { "read" } else { "failed" };
    counter!(READS, "provider" => reference.scheme().to_owned(), "outcome" => outcome).increment(1);
}

/// There is another secret than before.
pub(crate) fn rotated(reference: &SecretRef, secret: &ResolvedSecret) {
    counter!(ROTATIONS, "provider" => reference.scheme().to_owned()).increment(1);
    tracing::info!(target: TARGET, %reference, secret_version = secret.version(), "a secret was rotated");
}

/// A secret was read that ends in so long, if that is known and to come. One that does not end does so at infinity.
pub(crate) fn expires(reference: &SecretRef, secret: &ResolvedSecret, ends_in: Option<Duration>) {
    let seconds = secret.expires_at().map_or(f64::INFINITY, |time| {
        time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    });
    let (provider, place) = (reference.scheme().to_owned(), reference.to_string());
    gauge!(EXPIRY, "provider" => provider, "reference" => place).set(seconds);
    if secret.expires_at().is_some() && ends_in.is_none_or(|time| time < SOON) {
        let days = ends_in.unwrap_or_default().as_secs() / (24 * 60 * 60);
        tracing::warn!(target: TARGET, %reference, days, "a secret ends soon, or has ended; a new one is to be generated at Passport");
    }
}

/// The provider gave no secret; the one that was read before goes on, if there is one.
pub(crate) fn not_read(reference: &SecretRef, error: &SecretError, goes_on: bool) {
    if goes_on {
        counter!(STALE, "provider" => reference.scheme().to_owned(), "reason" => "failed").increment(1);
        tracing::warn!(target: TARGET, %reference, "going on with the secret that was read before: {error}");
    } else {
        tracing::warn!(target: TARGET, %reference, "there is no secret: {error}");
    }
}

/// The provider takes long, and the secret that was read before goes on.
pub(crate) fn late(reference: &SecretRef) {
    counter!(STALE, "provider" => reference.scheme().to_owned(), "reason" => "late").increment(1);
    tracing::debug!(target: TARGET, %reference, "the provider takes long; going on with the secret that was read before");
}

/// A new token of the provider was got, to read secrets with.
#[cfg(feature = "hashicorp-vault")]
pub(crate) fn logged_in(seconds: u64, is_renewable: bool) {
    tracing::debug!(target: TARGET, seconds, is_renewable, "there is a new token to read secrets with");
}

/// The provider's token could not be renewed.
#[cfg(feature = "hashicorp-vault")]
pub(crate) fn not_renewed(failure: &impl std::fmt::Display) {
    tracing::warn!(target: TARGET, "the token to read secrets with was not renewed: {failure}");
}
