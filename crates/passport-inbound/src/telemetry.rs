//! The names of everything this crate emits, in one place: events and metrics. No field and no label ever holds a token,
//! and no label what a caller can choose. `docs/telemetry.md` lists them for whoever builds a dashboard.

use std::{
    error::Error,
    fmt,
    ops::Range,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use metrics::{Counter, Histogram, counter, gauge, histogram};
use tokio::time::Instant;
use tracing::field::{DisplayValue, display};
use url::Url;

use crate::{
    AuditEvent, IdInfo, Rejection, RejectionReason,
    authorize::PermissionUnknown,
    jwks::{FetchError, KeyFileError, OddEntry, Unusable},
    verify::diagnostics::{Legible, Shown},
};

const TARGET: &str = "passport::inbound";

/// For whoever keeps an audit: to be shipped by itself.
const AUDIT: &str = "passport::audit";

const TOKENS: &str = "passport_inbound_tokens_total";
const REFUSED_REQUESTS: &str = "passport_inbound_refused_requests_total";
const ENDED_STREAMS: &str = "passport_inbound_ended_streams_total";
const VERIFICATION_SECONDS: &str = "passport_inbound_verification_duration_seconds";
const KEYS: &str = "passport_inbound_keys";
const KEYS_FETCHED_AT: &str = "passport_inbound_keys_fetched_timestamp_seconds";
const KEY_FETCHES: &str = "passport_inbound_key_fetches_total";
const CLOCK_DIFFERENCE: &str = "passport_inbound_clock_difference_seconds";

const ISSUER: &str = "issuer";

/// One hit of so many is timed: two looks at a clock take longer than a hit.
const TIMED_HITS: u8 = 128;

/// The meters of the hot path. Registered with each set of keys, so that a request does not look them up and a recorder
/// that is installed late is found with the next set.
pub(crate) struct KeyMeters {
    accepted: Counter,
    cold: Histogram,
    hit: Histogram,
}

impl KeyMeters {
    pub(crate) fn new() -> Self {
        Self {
            accepted: counter!(TOKENS, "outcome" => "accepted"),
            cold: histogram!(VERIFICATION_SECONDS, "path" => "cold"),
            hit: histogram!(VERIFICATION_SECONDS, "path" => "hit"),
        }
    }

    /// A token was not known, and its signature was looked at; its claims too, if that was good.
    pub(crate) fn cold(&self, started: Instant) {
        self.cold.record(started.elapsed());
    }

    /// A token was known.
    pub(crate) fn hit(&self, started: Option<Instant>, outcome: &Result<IdInfo, RejectionReason>) {
        if let Some(started) = started {
            self.hit.record(started.elapsed());
        }
        self.count(outcome);
    }

    pub(crate) fn count(&self, outcome: &Result<IdInfo, RejectionReason>) {
        match outcome {
            Ok(_) => self.accepted.increment(1),
            Err(reason) => rejected(*reason),
        }
    }
}

/// When what follows began.
pub(crate) fn started() -> Instant {
    Instant::now()
}

/// The same, now and then.
pub(crate) fn started_if_timed() -> Option<Instant> {
    fastrand::u8(..).is_multiple_of(TIMED_HITS).then(Instant::now)
}

impl fmt::Debug for KeyMeters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMeters")
    }
}

/// Counts under a name that is known when this is compiled: nothing is allocated for it.
macro_rules! count {
    ($metric:expr, $label:literal, $($pattern:pat => $value:literal,)+ ; $what:expr) => {
        match $what {
            $($pattern => counter!($metric, $label => $value).increment(1),)+
        }
    };
}

/// A token was not accepted.
pub(crate) fn rejected(reason: RejectionReason) {
    use RejectionReason as R;
    count!(TOKENS, "outcome",
        R::AlgorithmMismatch => "algorithm_mismatch",
        R::AlgorithmNotAllowed => "algorithm_not_allowed",
        R::AudienceMismatch => "audience_mismatch",
        R::BoundToken => "bound_token",
        R::CriticalHeader => "critical_header",
        R::Denied => "denied",
        R::DuplicateCredentials => "duplicate_credentials",
        R::Expired => "expired",
        R::ImplausibleTime(_) => "implausible_time",
        R::IssuedInFuture => "issued_in_future",
        R::IssuerMismatch => "issuer_mismatch",
        R::KeyNotFound => "key_not_found",
        R::Malformed => "malformed",
        R::MissingClaim(_) => "missing_claim",
        R::NotAnAccessToken => "not_an_access_token",
        R::NotYetValid => "not_yet_valid",
        R::SignatureInvalid => "signature_invalid",
        R::TooLong => "too_long",
        ; reason);
}

/// Nothing could be said of a token: there are no keys.
pub(crate) fn keys_unavailable() {
    counter!(TOKENS, "outcome" => "keys_unavailable").increment(1);
}

/// Nothing could be said of a token: its turn did not come.
pub(crate) fn overloaded() {
    counter!(TOKENS, "outcome" => "overloaded").increment(1);
}

/// A request was not let through.
pub(crate) fn refused(rejection: &Rejection) {
    use Rejection as R;
    count!(REFUSED_REQUESTS, "reason",
        R::CredentialsMissing => "credentials_missing",
        R::Forbidden(_) => "forbidden",
        R::KeysUnavailable { .. } => "keys_unavailable",
        R::Miswired => "miswired",
        R::Overloaded { .. } => "overloaded",
        R::PermissionUnknown => "permission_unknown",
        R::Token(_) => "token",
        ; rejection);
    match rejection {
        Rejection::Miswired => tracing::error!(
            target: TARGET,
            "a guard, an extractor or a layer that ends streams found no identity: no AuthenticateLayer ran before it; add one outside of it"
        ),
        // Anyone can cause it for as long as there are no keys; the failed attempts are what is warned of.
        Rejection::KeysUnavailable { .. }
        | Rejection::Overloaded { .. }
        // Of that, `permission_unknown` warns.
        | Rejection::PermissionUnknown
        | Rejection::CredentialsMissing
        | Rejection::Forbidden(_)
        | Rejection::Token(_) => {
            tracing::debug!(target: TARGET, reason = ?rejection, "request refused: {rejection}");
        }
    }
}

/// Records the caller on the current span, by the names of
/// [OpenTelemetry](https://opentelemetry.io/docs/specs/semconv/registry/attributes/enduser/). A
/// span keeps only those that it declares. There is no name for a tenant.
pub(crate) fn record(caller: &IdInfo) {
    let span = tracing::Span::current();
    span.record("enduser.id", caller.user_id());
    span.record("passport.tenant_id", caller.tenant_id());
}

/// A managed identity has called, or somebody was refused.
pub(crate) fn audited(event: &AuditEvent<'_>) {
    let AuditEvent { caller, rejection, method, path, status, grpc_status, duration } = event;
    let managed_identity_id = caller.and_then(IdInfo::managed_identity_id).map(legible);
    let named = |is_service: bool| {
        let caller = caller.filter(|caller| caller.is_service_account() == is_service);
        caller.map(|caller| legible(caller.user_id()))
    };
    let (client_id, user_id) = (named(true), named(false));
    let tenant_id = caller.map(|caller| legible(caller.tenant_id()));
    let token_id = caller.and_then(IdInfo::token_id).map(legible);
    let (http_method, api_path) = (legible(method.as_str()), legible(path));
    let http_status = status.map(|status| status.as_u16());
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match rejection {
        Some(rejection) => tracing::info!(
            target: AUDIT, event_type = "api.refused", rejection_reason = %rejection, managed_identity_id, client_id, user_id,
            tenant_id, token_id, http_method, api_path, http_status, grpc_status, duration_ms,
        ),
        None if caller.is_some_and(IdInfo::is_service_account) => tracing::info!(
            target: AUDIT, event_type = "mi.api.call", managed_identity_id, client_id, tenant_id, token_id, http_method, api_path,
            http_status, grpc_status, duration_ms,
        ),
        None => {}
    }
}

fn legible(text: &str) -> DisplayValue<Legible<'_>> {
    display(Legible(text))
}

/// A sink of an audit has panicked; the request goes on.
pub(crate) fn audit_failed() {
    tracing::error!(target: TARGET, "the sink of an audit has panicked, and an event is lost");
}

/// A stream was ended, as the token of its caller had expired.
pub(crate) fn stream_ended() {
    counter!(ENDED_STREAMS).increment(1);
}

/// Whoever was asked about a permission had no answer.
pub(crate) fn permission_unknown(error: &PermissionUnknown) {
    let cause = error.source();
    tracing::warn!(target: TARGET, cause = cause.map(tracing::field::display), "{error}");
}

/// A guard on the tenant of the path was put on a route that its pattern does not match.
pub(crate) fn no_tenant_in_path(pattern: &str) {
    tracing::debug!(
        target: TARGET, pattern,
        "the path names no tenant: the pattern has to match the whole path, with the prefix of a nest"
    );
}

/// A guard on the tenant of the path saw a path that programs read differently.
pub(crate) fn ambiguous_path() {
    tracing::debug!(
        target: TARGET,
        "path refused: it has a dot segment, an empty segment, an encoded separator or invalid UTF-8"
    );
}

/// Whether anyone listens to explanations.
pub(crate) fn explains() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
}

/// Why a token was refused, for operators.
pub(crate) fn explain(reason: RejectionReason, expected: &dyn fmt::Debug, got: &dyn fmt::Debug) {
    tracing::debug!(target: TARGET, ?expected, ?got, "token refused: {reason}");
}

/// Logs why a token was answered with 503 although there are keys.
pub(crate) fn not_verified(reason: RejectionReason, expected: &dyn fmt::Debug, got: &dyn fmt::Debug) {
    tracing::debug!(
        target: TARGET, ?expected, ?got,
        "token not verified: {reason}, unless the issuer has newer keys, which could not be fetched"
    );
}

/// A token's issuer is ours but for a slash at the end.
pub(crate) fn only_a_slash_differs(configured: &str, token: &dyn fmt::Debug) {
    tracing::warn!(
        target: TARGET,
        configured,
        ?token,
        "tokens name the configured issuer but for a slash at the end; issuers are compared byte for byte, so set it as the tokens have it"
    );
}

/// The issuer has given keys, or confirmed those it gave before.
pub(crate) fn keys_installed(issuer: &str, usable: usize, asked_at: SystemTime, is_news: bool) {
    let outcome = if is_news { "installed" } else { "unchanged" };
    counter!(KEY_FETCHES, ISSUER => issuer.to_owned(), "outcome" => outcome).increment(1);
    gauge_keys(issuer, usable, asked_at);
    if is_news {
        tracing::info!(target: TARGET, issuer, usable, "signing keys installed");
    } else {
        tracing::debug!(target: TARGET, issuer, usable, "signing keys unchanged");
    }
}

fn gauge_keys(issuer: &str, usable: usize, fetched_at: SystemTime) {
    #[expect(clippy::cast_precision_loss, reason = "there are no more than two hundred keys")]
    gauge!(KEYS, ISSUER => issuer.to_owned()).set(usable as f64);
    let unix = fetched_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(KEYS_FETCHED_AT, ISSUER => issuer.to_owned()).set(unix.as_secs_f64());
}

/// Keys came from the key file.
pub(crate) fn keys_loaded(issuer: &str, usable: usize, fetched_at: SystemTime, age: Duration) {
    gauge_keys(issuer, usable, fetched_at);
    tracing::info!(target: TARGET, issuer, usable, age_s = age.as_secs(), "signing keys loaded from the key file");
}

/// Keys could not be read from the key file, or written to it.
pub(crate) fn key_file_failed(path: &Path, error: &KeyFileError) {
    tracing::warn!(target: TARGET, path = %path.display(), error = error as &dyn Error, "going on without the key file");
}

/// A key set could not be had; the one before it stays.
pub(crate) fn keys_not_installed(issuer: &str, error: &FetchError, failures: u32, age: Option<Duration>) {
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

/// Logs, once, a key that is not used. Behind the last entry that is looked at there may be a good
/// key, and without any other key no token is accepted.
pub(crate) fn key_skipped(issuer: &str, entry: &OddEntry, are_others_left: bool) {
    let OddEntry { position, why, .. } = entry;
    let kid = entry.kid.as_deref().map(Shown);
    if *why == Unusable::TooMany || !are_others_left {
        tracing::warn!(target: TARGET, issuer, position, ?kid, "an entry of the key set is not used: {why}");
    } else {
        tracing::info!(target: TARGET, issuer, position, ?kid, "an entry of the key set is not used: {why}");
    }
}

/// Logs where the keys are, the first time and after a move. Without its query, which may hold a
/// secret.
pub(crate) fn jwks_location(issuer: &str, jwks_url: &Url, discovery_url: Option<&Url>) {
    let shown = |url: &Url| format!("{}{}", url.origin().ascii_serialization(), url.path());
    let discovery_url = discovery_url.map(shown);
    tracing::info!(target: TARGET, issuer, jwks_url = shown(jwks_url), discovery_url, "JWKS location found");
}

/// Logs a token that is larger than `max_token_size`, at most once a minute: anyone can send one.
pub(crate) fn token_too_large(size: usize, max_token_size: usize) {
    tracing::warn!(
        target: TARGET,
        size,
        max_token_size,
        "token rejected: it is larger than max_token_size; raise max_token_size if the issuer's tokens are that large"
    );
}

/// Logs a token that a session library has split over several cookies.
pub(crate) fn chunked_cookie(cookie: &str) {
    tracing::debug!(
        target: TARGET,
        cookie,
        "the token cookie is split into chunks (name.0, name-0, nameC1), which is not supported; store the token in one cookie or send it in the Authorization header"
    );
}

/// What the time was at the issuer at some moment of `ours`.
pub(crate) fn clocks(issuer: &str, theirs: SystemTime, ours: Range<SystemTime>, tolerated: Duration) {
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

#[cfg(test)]
#[path = "telemetry_tests.rs"]
mod tests;
