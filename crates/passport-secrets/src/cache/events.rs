//! Metrics and logs of the cache. No field and no label contains a secret.

use std::time::{Duration, UNIX_EPOCH};

use metrics::{counter, gauge};
use passport_core::{ResolvedSecret, SecretError, SecretRef};

use crate::metrics::{EXPIRY, READS, ROTATIONS, STALE, TARGET};

/// How long before its expiry a secret is warned about.
const SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Records a read.
pub(super) fn read(reference: &SecretRef, result: &Result<ResolvedSecret, SecretError>) {
    let outcome = if result.is_ok() { "read" } else { "failed" };
    counter!(READS, "provider" => reference.scheme().to_owned(), "outcome" => outcome).increment(1);
}

/// Records that a read returned another secret than the read before.
pub(super) fn rotated(reference: &SecretRef, secret: &ResolvedSecret) {
    counter!(ROTATIONS, "provider" => reference.scheme().to_owned()).increment(1);
    tracing::info!(target: TARGET, %reference, secret_version = secret.version(), "secret rotated");
}

/// Records the expiry of a secret, which is in `expires_in` if that is known and in the future.
/// The gauge of a secret without an expiry is infinity.
pub(super) fn expires(reference: &SecretRef, secret: &ResolvedSecret, expires_in: Option<Duration>) {
    let seconds = secret.expires_at().map_or(f64::INFINITY, |time| {
        time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    });
    let (provider, reference_label) = (reference.scheme().to_owned(), reference.to_string());
    gauge!(EXPIRY, "provider" => provider, "reference" => reference_label).set(seconds);
    if secret.expires_at().is_some() && expires_in.is_none_or(|time| time < SOON) {
        let days_left = expires_in.unwrap_or_default().as_secs() / (24 * 60 * 60);
        tracing::warn!(
            target: TARGET,
            %reference,
            days_left,
            "secret expires soon or has expired; generate a new one at Passport and store it in the vault"
        );
    }
}

/// Records a failed read, and whether the cached secret is used instead.
pub(super) fn read_failed(reference: &SecretRef, error: &SecretError, has_cached: bool) {
    if has_cached {
        counter!(STALE, "provider" => reference.scheme().to_owned(), "reason" => "failed").increment(1);
        tracing::warn!(target: TARGET, %reference, "secret not refreshed, using the cached secret: {error}");
    } else {
        tracing::warn!(target: TARGET, %reference, "no secret available: {error}");
    }
}

/// Records that the cached secret is used because the provider is slow.
pub(super) fn slow(reference: &SecretRef) {
    counter!(STALE, "provider" => reference.scheme().to_owned(), "reason" => "late").increment(1);
    tracing::debug!(
        target: TARGET,
        %reference,
        "provider is slow, using the cached secret"
    );
}
