//! What the cache counts and logs. No field and no label ever holds a secret.

use std::time::{Duration, UNIX_EPOCH};

use metrics::{counter, gauge};
use passport_core::{ResolvedSecret, SecretError, SecretRef};

use crate::metrics::{EXPIRY, READS, ROTATIONS, STALE, TARGET};

/// How long before its end a secret is warned about.
const SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Records a read.
pub(super) fn read(reference: &SecretRef, result: &Result<ResolvedSecret, SecretError>) {
    let outcome = if result.is_ok() { "read" } else { "failed" };
    counter!(READS, "provider" => reference.scheme().to_owned(), "outcome" => outcome).increment(1);
}

/// Records that a read brought another secret than the one before.
pub(super) fn rotated(reference: &SecretRef, secret: &ResolvedSecret) {
    counter!(ROTATIONS, "provider" => reference.scheme().to_owned()).increment(1);
    tracing::info!(target: TARGET, %reference, secret_version = secret.version(), "a secret was rotated");
}

/// Records when a secret ends: in `ends_in`, if that is known and in the future. A secret without an
/// end has it at infinity.
pub(super) fn expires(reference: &SecretRef, secret: &ResolvedSecret, ends_in: Option<Duration>) {
    let seconds = secret.expires_at().map_or(f64::INFINITY, |time| {
        time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    });
    let (provider, place) = (reference.scheme().to_owned(), reference.to_string());
    gauge!(EXPIRY, "provider" => provider, "reference" => place).set(seconds);
    if secret.expires_at().is_some() && ends_in.is_none_or(|time| time < SOON) {
        let days = ends_in.unwrap_or_default().as_secs() / (24 * 60 * 60);
        tracing::warn!(
            target: TARGET,
            %reference,
            days,
            "a secret ends soon, or has ended; a new one is to be generated at Passport"
        );
    }
}

/// Records a failed read, and whether the secret that was read before is used instead.
pub(super) fn not_read(reference: &SecretRef, error: &SecretError, has_previous: bool) {
    if has_previous {
        counter!(STALE, "provider" => reference.scheme().to_owned(), "reason" => "failed").increment(1);
        tracing::warn!(target: TARGET, %reference, "going on with the secret that was read before: {error}");
    } else {
        tracing::warn!(target: TARGET, %reference, "there is no secret: {error}");
    }
}

/// Records that the secret that was read before is used, as the provider takes long.
pub(super) fn late(reference: &SecretRef) {
    counter!(STALE, "provider" => reference.scheme().to_owned(), "reason" => "late").increment(1);
    tracing::debug!(
        target: TARGET,
        %reference,
        "the provider takes long; going on with the secret that was read before"
    );
}
