//! The names of everything this crate emits. No field and no label ever holds a secret.

use metrics::counter;
use passport_core::{ResolvedSecret, SecretError, SecretRef};

const TARGET: &str = "passport::secrets";

const READS: &str = "passport_secrets_reads_total";
const STALE: &str = "passport_secrets_stale_total";
const ROTATIONS: &str = "passport_secrets_rotations_total";

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
