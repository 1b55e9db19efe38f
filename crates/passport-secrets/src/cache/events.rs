//! Metrics and logs of the secret cache. No field and no label contains a secret.

use std::time::{Duration, UNIX_EPOCH};

use metrics::{counter, gauge};
use passport_core::{ResolvedSecret, SecretError, SecretRef};

use crate::metrics::{EXPIRY, READS, ROTATIONS, STALE, TARGET};

/// The time before the expiry of a secret during which each read of the secret logs a warning.
const SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Increments the counter of reads from the provider. The labels are the provider and the
/// outcome.
pub(super) fn count_read(reference: &SecretRef, result: &Result<ResolvedSecret, SecretError>) {
    let outcome = if result.is_ok() { "read" } else { "failed" };
    counter!(READS, "provider" => reference.scheme().to_owned(), "outcome" => outcome).increment(1);
}

/// Counts and logs a rotation: a read returned another secret than the previous read.
pub(super) fn record_rotation(reference: &SecretRef, secret: &ResolvedSecret) {
    counter!(ROTATIONS, "provider" => reference.scheme().to_owned()).increment(1);
    tracing::info!(target: TARGET, %reference, secret_version = secret.version(), "secret rotated");
}

/// Sets the gauge of the expiry of `secret`, as Unix time. The value is infinity if the secret
/// does not expire. Logs a warning if the secret expires in less than 7 days or has expired.
///
/// `expires_in` is the time until the secret expires. It is `None` if the secret does not expire
/// or has expired.
pub(super) fn record_expiry(reference: &SecretRef, secret: &ResolvedSecret, expires_in: Option<Duration>) {
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

/// Logs a failed read from the provider. If `has_cached` is true, callers get the cached secret
/// instead of the error; the failed read is then also counted.
pub(super) fn record_failure(reference: &SecretRef, error: &SecretError, has_cached: bool) {
    if has_cached {
        counter!(STALE, "provider" => reference.scheme().to_owned(), "reason" => "failed").increment(1);
        tracing::warn!(target: TARGET, %reference, "secret not refreshed, using the cached secret: {error}");
    } else {
        tracing::warn!(target: TARGET, %reference, "no cached secret to fall back to: {error}");
    }
}

/// Counts and logs that a caller gets the cached secret because the read from the provider takes
/// longer than 500 ms.
pub(super) fn record_slow_read(reference: &SecretRef) {
    counter!(STALE, "provider" => reference.scheme().to_owned(), "reason" => "slow").increment(1);
    tracing::debug!(
        target: TARGET,
        %reference,
        "provider is slow, using the cached secret"
    );
}
