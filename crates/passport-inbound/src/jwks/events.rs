//! Log events and metrics of the signing keys.

use std::{
    error::Error,
    ops::Range,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use metrics::{counter, gauge};
use url::Url;

use super::{
    error::{JwksCacheFileError, KeyFetchError, SkippedKey},
    key::UnusableKey,
};
use crate::{
    metrics::{CLOCK_DIFFERENCE, ISSUER, KEY_FETCHES, KEYS, KEYS_FETCHED_AT, TARGET},
    untrusted_text::Quoted,
};

/// Records a successful refresh. `is_new` is whether the keys have changed.
pub(super) fn keys_installed(issuer: &str, usable: usize, fetched_at: SystemTime, is_new: bool) {
    let outcome = if is_new { "installed" } else { "unchanged" };
    counter!(KEY_FETCHES, ISSUER => issuer.to_owned(), "outcome" => outcome).increment(1);
    set_gauges(issuer, usable, fetched_at);
    if is_new {
        tracing::info!(target: TARGET, issuer, usable, "signing keys installed");
    } else {
        tracing::debug!(target: TARGET, issuer, usable, "signing keys unchanged");
    }
}

/// Records that keys were loaded from the cache file.
pub(super) fn keys_loaded(issuer: &str, usable: usize, fetched_at: SystemTime, age: Duration) {
    set_gauges(issuer, usable, fetched_at);
    tracing::info!(target: TARGET, issuer, usable, age_s = age.as_secs(), "signing keys loaded from the cache file");
}

fn set_gauges(issuer: &str, usable: usize, fetched_at: SystemTime) {
    #[expect(clippy::cast_precision_loss, reason = "a key set has at most 200 keys")]
    gauge!(KEYS, ISSUER => issuer.to_owned()).set(usable as f64);
    let unix = fetched_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(KEYS_FETCHED_AT, ISSUER => issuer.to_owned()).set(unix.as_secs_f64());
}

/// Logs that the cache file could not be read or written.
pub(super) fn cache_file_failed(path: &Path, error: &JwksCacheFileError) {
    tracing::warn!(target: TARGET, path = %path.display(), error = error as &dyn Error, "JWKS cache file not used");
}

/// Records that a refresh failed. The installed keys are served until they expire. `age` is
/// their age.
pub(super) fn refresh_failed(issuer: &str, error: &KeyFetchError, failures: u32, age: Option<Duration>) {
    counter!(KEY_FETCHES, ISSUER => issuer.to_owned(), "outcome" => error.kind()).increment(1);
    let age_s = age.map(|age| age.as_secs());
    tracing::warn!(
        target: TARGET,
        issuer,
        failures,
        age_s,
        error = error as &dyn Error,
        "JWKS refresh failed"
    );
}

/// Logs a skipped entry of a key set. The level is warn if the key set has no usable key, or if
/// further entries are not read.
pub(super) fn key_skipped(issuer: &str, key: &SkippedKey, has_usable_keys: bool) {
    let SkippedKey { position, why, .. } = key;
    let kid = key.kid.as_deref().map(Quoted);
    if *why == UnusableKey::TooMany || !has_usable_keys {
        tracing::warn!(target: TARGET, issuer, position, ?kid, "JWKS entry skipped: {why}");
    } else {
        tracing::info!(target: TARGET, issuer, position, ?kid, "JWKS entry skipped: {why}");
    }
}

/// Logs the location of the keys, without the query, which may have a secret.
pub(super) fn jwks_location(issuer: &str, jwks_url: &Url, discovery_url: Option<&Url>) {
    let shown = |url: &Url| format!("{}{}", url.origin().ascii_serialization(), url.path());
    let discovery_url = discovery_url.map(shown);
    tracing::info!(target: TARGET, issuer, jwks_url = shown(jwks_url), discovery_url, "JWKS location found");
}

/// Records the difference between the issuer's clock and the local clock. `issuer_time` was read
/// during `local_time`.
pub(super) fn clock_difference(
    issuer: &str,
    issuer_time: SystemTime,
    local_time: Range<SystemTime>,
    clock_skew: Duration,
) {
    let ahead = issuer_time.duration_since(local_time.end).unwrap_or_default();
    let behind = local_time.start.duration_since(issuer_time).unwrap_or_default();
    // `Date` has whole seconds, rounded down.
    let behind = behind.saturating_sub(Duration::from_secs(1));
    gauge!(CLOCK_DIFFERENCE, ISSUER => issuer.to_owned()).set(ahead.as_secs_f64() - behind.as_secs_f64());
    if ahead.max(behind) > clock_skew {
        tracing::warn!(
            target: TARGET,
            issuer,
            issuer_ahead_s = ahead.as_secs(),
            issuer_behind_s = behind.as_secs(),
            "clock difference exceeds clock_skew: valid tokens may be rejected, check the time synchronization"
        );
    }
}
