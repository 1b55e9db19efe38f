//! Log events and metrics of the signing keys and of their refreshes.

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
    issuers::IssuerName,
    metrics::{CLOCK_DIFFERENCE, ISSUER, KEY_FETCHES, KEYS, KEYS_FETCHED_AT, TARGET},
    untrusted_text::Quoted,
};

/// Logs and counts a successful refresh, and sets the gauges of the keys. `usable` is the number
/// of usable keys. `is_new` is false if the installed keys are unchanged.
pub(super) fn keys_installed(issuer: &IssuerName, usable: usize, fetched_at: SystemTime, is_new: bool) {
    let outcome = if is_new { "installed" } else { "unchanged" };
    counter!(KEY_FETCHES, ISSUER => issuer.label(), "outcome" => outcome).increment(1);
    set_gauges(issuer, usable, fetched_at);
    if is_new {
        tracing::info!(target: TARGET, %issuer, usable, "signing keys installed");
    } else {
        tracing::debug!(target: TARGET, %issuer, usable, "signing keys unchanged");
    }
}

/// Logs that keys were loaded from the cache file, and sets the gauges of the keys. `age` is the
/// time since the keys were fetched.
pub(super) fn keys_loaded(issuer: &IssuerName, usable: usize, fetched_at: SystemTime, age: Duration) {
    set_gauges(issuer, usable, fetched_at);
    tracing::info!(target: TARGET, %issuer, usable, age_s = age.as_secs(), "signing keys loaded from the cache file");
}

/// Sets the gauges of the number of usable keys, and of the time at which the keys were fetched.
fn set_gauges(issuer: &IssuerName, usable: usize, fetched_at: SystemTime) {
    #[expect(clippy::cast_precision_loss, reason = "a key set has at most 200 keys")]
    gauge!(KEYS, ISSUER => issuer.label()).set(usable as f64);
    let unix = fetched_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(KEYS_FETCHED_AT, ISSUER => issuer.label()).set(unix.as_secs_f64());
}

/// Logs that no keys could be loaded from the cache file. The keys are then fetched from the
/// issuer.
pub(super) fn cache_file_not_loaded(path: &Path, error: &JwksCacheFileError) {
    tracing::warn!(
        target: TARGET,
        path = %path.display(),
        error = error as &dyn Error,
        "cannot load JWKS cache file, fetching the keys from the issuer"
    );
}

/// Logs that the keys could not be saved in the cache file. The verifier continues to use the
/// keys.
pub(super) fn cache_file_not_saved(path: &Path, error: &JwksCacheFileError) {
    tracing::warn!(
        target: TARGET,
        path = %path.display(),
        error = error as &dyn Error,
        "cannot save JWKS cache file, the next start depends on the issuer"
    );
}

/// Logs and counts a failed refresh. `failures` is the number of consecutive failures, and `age`
/// is the age of the installed keys, which are used until they expire. `age` is `None` if no
/// keys are installed.
pub(super) fn refresh_failed(
    issuer: &IssuerName,
    error: &KeyFetchError,
    failures: u32,
    age: Option<Duration>,
) {
    counter!(KEY_FETCHES, ISSUER => issuer.label(), "outcome" => error.kind()).increment(1);
    let age_s = age.map(|age| age.as_secs());
    tracing::warn!(
        target: TARGET,
        %issuer,
        failures,
        age_s,
        error = error as &dyn Error,
        "JWKS refresh failed"
    );
}

/// Logs a skipped entry of a key set. The level is warn if the key set has no usable key, or if
/// `key` stands for entries that were not read. Otherwise the level is info.
pub(super) fn key_skipped(issuer: &str, key: &SkippedKey, has_usable_keys: bool) {
    let SkippedKey { position, why, .. } = key;
    let kid = key.kid.as_deref().map(Quoted);
    if *why == UnusableKey::TooMany || !has_usable_keys {
        tracing::warn!(target: TARGET, issuer, position, ?kid, "JWKS entry skipped: {why}");
    } else {
        tracing::info!(target: TARGET, issuer, position, ?kid, "JWKS entry skipped: {why}");
    }
}

/// Logs the URL at which the keys were found, without its query, which can contain a secret.
/// `discovery_url` is the URL of the discovery document that contains the URL of the keys.
/// `None` if no discovery document was read.
pub(super) fn jwks_location(issuer: &IssuerName, jwks_url: &Url, discovery_url: Option<&Url>) {
    let shown = |url: &Url| format!("{}{}", url.origin().ascii_serialization(), url.path());
    let discovery_url = discovery_url.map(shown);
    tracing::info!(target: TARGET, %issuer, jwks_url = shown(jwks_url), discovery_url, "JWKS location found");
}

/// Sets the gauge of the difference between the issuer's clock and the local clock. Logs a
/// warning if the difference exceeds `clock_skew`. `issuer_time` is the time of the issuer's
/// clock at some point of the period `local_time`.
pub(super) fn clock_difference(
    issuer: &IssuerName,
    issuer_time: SystemTime,
    local_time: Range<SystemTime>,
    clock_skew: Duration,
) {
    let ahead = issuer_time.duration_since(local_time.end).unwrap_or_default();
    let behind = local_time.start.duration_since(issuer_time).unwrap_or_default();
    // `Date` has whole seconds, rounded down.
    let behind = behind.saturating_sub(Duration::from_secs(1));
    gauge!(CLOCK_DIFFERENCE, ISSUER => issuer.label()).set(ahead.as_secs_f64() - behind.as_secs_f64());
    if ahead.max(behind) > clock_skew {
        tracing::warn!(
            target: TARGET,
            %issuer,
            issuer_ahead_s = ahead.as_secs(),
            issuer_behind_s = behind.as_secs(),
            "clock difference exceeds clock_skew: valid tokens may be rejected, check the time synchronization"
        );
    }
}
