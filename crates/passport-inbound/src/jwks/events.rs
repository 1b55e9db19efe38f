//! Logs and counts what happens to the signing keys.

use std::{
    error::Error,
    ops::Range,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use metrics::{counter, gauge};
use url::Url;

use super::{
    error::{KeyFetchError, KeyFileError, SkippedKey},
    key::UnusableKey,
};
use crate::{
    metrics::{CLOCK_DIFFERENCE, ISSUER, KEY_FETCHES, KEYS, KEYS_FETCHED_AT, TARGET},
    untrusted_text::Quoted,
};

/// Records that the issuer has published new keys, or confirmed the installed ones.
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

/// Records that keys were loaded from the key file.
pub(super) fn keys_loaded(issuer: &str, usable: usize, fetched_at: SystemTime, age: Duration) {
    set_gauges(issuer, usable, fetched_at);
    tracing::info!(target: TARGET, issuer, usable, age_s = age.as_secs(), "signing keys loaded from the key file");
}

fn set_gauges(issuer: &str, usable: usize, fetched_at: SystemTime) {
    #[expect(clippy::cast_precision_loss, reason = "there are no more than two hundred keys")]
    gauge!(KEYS, ISSUER => issuer.to_owned()).set(usable as f64);
    let unix = fetched_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(KEYS_FETCHED_AT, ISSUER => issuer.to_owned()).set(unix.as_secs_f64());
}

/// Logs that the key file could not be read or written.
pub(super) fn key_file_failed(path: &Path, error: &KeyFileError) {
    tracing::warn!(target: TARGET, path = %path.display(), error = error as &dyn Error, "going on without the key file");
}

/// Records that a refresh failed; the installed keys stay.
pub(super) fn keys_not_installed(issuer: &str, error: &KeyFetchError, failures: u32, age: Option<Duration>) {
    counter!(KEY_FETCHES, ISSUER => issuer.to_owned(), "outcome" => error.kind()).increment(1);
    let age_s = age.map(|age| age.as_secs());
    tracing::warn!(
        target: TARGET,
        issuer,
        failures,
        age_s,
        error = error as &dyn Error,
        "signing keys not refreshed"
    );
}

/// Logs a key that is not used. It is a warning if there may be a good key behind the last entry
/// that is read, or if no other key is left to accept a token.
pub(super) fn key_skipped(issuer: &str, key: &SkippedKey, are_others_left: bool) {
    let SkippedKey { position, why, .. } = key;
    let kid = key.kid.as_deref().map(Quoted);
    if *why == UnusableKey::TooMany || !are_others_left {
        tracing::warn!(target: TARGET, issuer, position, ?kid, "an entry of the key set is not used: {why}");
    } else {
        tracing::info!(target: TARGET, issuer, position, ?kid, "an entry of the key set is not used: {why}");
    }
}

/// Logs the location of the keys, without its query, which may hold a secret.
pub(super) fn jwks_location(issuer: &str, jwks_url: &Url, discovery_url: Option<&Url>) {
    let shown = |url: &Url| format!("{}{}", url.origin().ascii_serialization(), url.path());
    let discovery_url = discovery_url.map(shown);
    tracing::info!(target: TARGET, issuer, jwks_url = shown(jwks_url), discovery_url, "JWKS location found");
}

/// Records how far the issuer's clock is from this machine's. `theirs` is the issuer's time at some
/// moment of `ours`.
pub(super) fn clock_difference(
    issuer: &str,
    theirs: SystemTime,
    ours: Range<SystemTime>,
    tolerated: Duration,
) {
    let ahead = theirs.duration_since(ours.end).unwrap_or_default();
    // `Date` has whole seconds, rounded down.
    let behind = ours.start.duration_since(theirs).unwrap_or_default().saturating_sub(Duration::from_secs(1));
    gauge!(CLOCK_DIFFERENCE, ISSUER => issuer.to_owned()).set(ahead.as_secs_f64() - behind.as_secs_f64());
    if ahead.max(behind) > tolerated {
        tracing::warn!(
            target: TARGET,
            issuer,
            issuer_ahead_s = ahead.as_secs(),
            issuer_behind_s = behind.as_secs(),
            "our clock and the issuer's differ by more than tokens are granted; good tokens may be refused"
        );
    }
}
