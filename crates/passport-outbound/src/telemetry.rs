//! The names of everything this crate emits, in one place: a span, events, metrics. No field and no label ever holds a
//! token or a secret. `docs/telemetry.md` lists them for whoever builds a dashboard.

use std::{
    error::Error,
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use metrics::{Counter, counter, gauge, histogram};
use passport_core::{AccessToken, ClientId, Issuer};
use tokio::time::Instant;
use tracing::Span;

use crate::{
    TokenError, TokenErrorKind,
    cache::StoreError,
    token::{Ask, Kept, Rejection},
};

const TARGET: &str = "passport::outbound";

const HITS: &str = "passport_outbound_token_hits_total";
const WAITS: &str = "passport_outbound_token_waits_total";
const NEGATIVE_HITS: &str = "passport_outbound_negative_hits_total";
const ATTEMPTS: &str = "passport_outbound_token_attempts_total";
const ATTEMPT_SECONDS: &str = "passport_outbound_token_attempt_duration_seconds";
const SOFT_REFRESHES: &str = "passport_outbound_soft_refreshes_total";
const EXPIRES_AT: &str = "passport_outbound_token_expiry_timestamp_seconds";
const LIFE_LEFT: &str = "passport_outbound_token_seconds_to_expiry";
const UNAUTHORIZED: &str = "passport_outbound_unauthorized_total";
const REQUESTS: &str = "passport_outbound_token_requests_total";
const SHARED: &str = "passport_outbound_shared_attempts_total";
const SHARED_SECONDS: &str = "passport_outbound_shared_wait_duration_seconds";
const STORE_FAILURES: &str = "passport_outbound_store_failures_total";
const STORE_WORKS: &str = "passport_outbound_store_works";
const WITHOUT_CALLER: &str = "passport_outbound_without_caller_total";
const REPLAYS: &str = "passport_outbound_replays_total";

const CLIENT_ID: &str = "client_id";

/// Returns the span of an attempt to get a token.
///
/// A root span: many calls share the attempt, and the one that started it may end long before. It
/// is linked to that call.
pub(crate) fn attempt(client_id: &ClientId, ask: &Ask) -> Span {
    let reason = match (&ask.unwanted, ask.is_live()) {
        (Some(_), _) => "unwanted",
        (None, true) => "refresh",
        (None, false) => "missing",
    };
    let span =
        tracing::info_span!(target: TARGET, parent: None, "passport_token_attempt", %client_id, reason);
    span.follows_from(Span::current());
    span
}

/// Links the span of a waiting call to that of the attempt it waits for.
pub(crate) fn waits_for(attempt: Option<&Span>) {
    Span::current().follows_from(attempt.and_then(Span::id));
}

/// The counter of calls that a token serves at once. Registered with each token, so that a call does not look it up.
pub(crate) fn hits(client_id: &ClientId) -> Counter {
    counter!(HITS, CLIENT_ID => client_id.to_string())
}

/// A call has to wait for a token.
pub(crate) fn waiting(client_id: &ClientId) {
    counter!(WAITS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// A call was answered with the last error, without an attempt.
pub(crate) fn negative_hit(client_id: &ClientId) {
    counter!(NEGATIVE_HITS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// Measures an attempt.
pub(crate) struct AttemptTimer<'a> {
    client_id: &'a ClientId,
    started: Instant,
}

impl<'a> AttemptTimer<'a> {
    pub(crate) fn starts(client_id: &'a ClientId) -> Self {
        Self { client_id, started: Instant::now() }
    }

    pub(crate) fn ends(self, failed: Option<TokenErrorKind>) {
        let labels = attempt_labels(self.client_id, failed);
        counter!(ATTEMPTS, &labels).increment(1);
        histogram!(ATTEMPT_SECONDS, &labels).record(self.started.elapsed());
    }
}

/// Records an attempt that ended with the runtime it was on.
pub(crate) fn attempt_lost(client_id: &ClientId) {
    counter!(ATTEMPTS, &attempt_labels(client_id, Some(TokenErrorKind::Aborted))).increment(1);
    tracing::info!(
        target: TARGET,
        %client_id,
        "a token attempt was dropped with its tokio runtime; later attempts run on a thread of their own"
    );
}

fn attempt_labels(client_id: &ClientId, failed: Option<TokenErrorKind>) -> [(&'static str, String); 2] {
    let outcome = failed.map_or("fetched", outcome);
    [(CLIENT_ID, client_id.to_string()), ("outcome", outcome.to_owned())]
}

fn outcome(kind: TokenErrorKind) -> &'static str {
    match kind {
        TokenErrorKind::Aborted => "aborted",
        TokenErrorKind::Misconfigured => "misconfigured",
        TokenErrorKind::Refused => "refused",
        TokenErrorKind::Repeated => "repeated",
        TokenErrorKind::Secret => "secret",
        TokenErrorKind::ShutDown => "shut_down",
        TokenErrorKind::Tls(_) => "tls",
        TokenErrorKind::Unavailable => "unavailable",
        TokenErrorKind::UnusableResponse => "unusable_response",
    }
}

/// A token is being replaced while it is live.
pub(crate) fn replacing(client_id: &ClientId, held: &AccessToken, now: SystemTime) {
    let left = held.expires_at().duration_since(now).unwrap_or_default();
    counter!(SOFT_REFRESHES, CLIENT_ID => client_id.to_string()).increment(1);
    histogram!(LIFE_LEFT, CLIENT_ID => client_id.to_string()).record(left);
}

/// A token has arrived.
pub(crate) fn token_fetched(client_id: &ClientId, kept: &Kept) {
    let expires_at = kept.token.expires_at();
    let unix = expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(EXPIRES_AT, CLIENT_ID => client_id.to_string()).set(unix.as_secs_f64());
    tracing::info!(
        target: TARGET,
        %client_id,
        token = %kept.token.fingerprint(),
        generation = kept.generation,
        ?expires_at,
        "token fetched"
    );
    if !kept.missing_scopes.is_empty() {
        tracing::warn!(
            target: TARGET,
            %client_id,
            missing = ?kept.missing_scopes,
            "Passport granted fewer scopes than were asked for; grant them to the identity, or do not ask for them"
        );
    }
}

/// A length of time in a configuration looks as if it had another unit.
pub(crate) fn unit_suspected(key: &str, advice: &str) {
    tracing::warn!(target: TARGET, key, "a configured time is suspiciously long: {advice}");
}

/// An attempt has failed.
pub(crate) fn token_not_fetched(client_id: &ClientId, error: &TokenError) {
    tracing::warn!(
        target: TARGET,
        %client_id,
        kind = outcome(error.kind()),
        status = error.status().map(|status| status.as_u16()),
        oauth_error = error.oauth_error(),
        cause = %Causes(error),
        "token not fetched: {error}"
    );
}

/// Passport is about to be asked for a token. Summed up over the instances of a fleet, what they cost it.
pub(crate) fn token_request(client_id: &ClientId) {
    counter!(REQUESTS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// How an instance of a fleet came to a token, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It was in the store.
    Found,
    /// It had the lease at once, and asked Passport.
    Leased,
    /// It waited for another holder of the lease, who brought nothing, and had it then.
    LeasedLater,
    /// It waited for what another holder of the lease brought.
    Waited,
    /// It asked Passport without a lease.
    Alone,
    /// It has a live token, and leaves it to another holder of the lease to fetch the next one.
    Postponed,
}

/// An attempt of a fleet's instance ended.
pub(crate) fn shared(client_id: &ClientId, way: Way, took: Duration) {
    let way = match way {
        Way::Found => "found",
        Way::Leased => "leased",
        Way::LeasedLater => "leased_later",
        Way::Waited => "waited",
        Way::Alone => "alone",
        Way::Postponed => "postponed",
    };
    let labels = [(CLIENT_ID, client_id.to_string()), ("way", way.to_owned())];
    counter!(SHARED, &labels).increment(1);
    histogram!(SHARED_SECONDS, &labels).record(took);
    tracing::debug!(target: TARGET, %client_id, way, "asked the fleet for a token");
}

/// The most that clocks may differ before it is said.
const MAX_SKEW: Duration = Duration::from_secs(60);

/// The clock of the instance that stored a token is not ours. `believed` is what we take instead.
pub(crate) fn clocks_differ(client_id: &ClientId, minted_at: SystemTime, believed: SystemTime) {
    let skew = minted_at.duration_since(believed).unwrap_or_else(|earlier| earlier.duration());
    if skew > MAX_SKEW {
        tracing::warn!(
            target: TARGET,
            %client_id,
            ?skew,
            "the clocks of two instances differ; a token is used for as long as both allow. Synchronise them"
        );
    }
}

/// The store that the fleet shares did not work; this instance goes on without it.
pub(crate) fn store_failed(client_id: &ClientId, error: &StoreError) {
    counter!(STORE_FAILURES, CLIENT_ID => client_id.to_string()).increment(1);
    tracing::warn!(target: TARGET, %client_id, cause = %Causes(error), "going on without the token store: {error}");
}

/// The store is left alone from now on, or is used again.
pub(crate) fn store_works(works: bool) {
    gauge!(STORE_WORKS).set(if works { 1.0 } else { 0.0 });
    if works {
        tracing::info!(target: TARGET, "the token store works again");
    } else {
        tracing::warn!(
            target: TARGET,
            "the token store is left alone until it works again; meanwhile each instance fetches tokens for itself"
        );
    }
}

/// A probe of the store failed.
pub(crate) fn store_still_fails(error: &StoreError) {
    tracing::debug!(target: TARGET, cause = %Causes(error), "the token store does not work yet: {error}");
}

/// What led to an error, from the outside in.
struct Causes<'a>(&'a dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, "{error}")?;
            cause = error.source();
            if cause.is_some() {
                f.write_str(": ")?;
            }
        }
        Ok(())
    }
}

/// A receiver has refused a token of ours.
pub(crate) fn token_rejected(client_id: &ClientId, rejection: Rejection) {
    let (action, advice) = match rejection {
        Rejection::Due => ("replaced", "the token is being replaced"),
        Rejection::Superseded => ("superseded", "it has been replaced meanwhile"),
        Rejection::TooYoung => (
            "too_young",
            "it is too young to be the cause; check the receiver's audience and issuer, and the identity's rights",
        ),
        Rejection::NotKept => ("not_kept", "it was for one call only"),
    };
    let labels = [(CLIENT_ID, client_id.to_string()), ("action", action.to_owned())];
    counter!(UNAUTHORIZED, &labels).increment(1);
    tracing::info!(target: TARGET, %client_id, action, "a receiver refused the token: {advice}");
}

/// A request is sent once more, with another token.
pub(crate) fn replaying(client_id: &ClientId) {
    counter!(REPLAYS, CLIENT_ID => client_id.to_string()).increment(1);
    tracing::debug!(target: TARGET, %client_id, "request sent again with another token");
}

/// A secret was read and is about to be shown to Passport.
pub(crate) fn secret_read(client_id: &ClientId, version: &str) {
    tracing::debug!(target: TARGET, %client_id, secret_version = version, "client secret read");
}

/// Passport refused the secret, and there is another one in its place by now.
pub(crate) fn secret_changed(client_id: &ClientId, version: &str) {
    tracing::info!(
        target: TARGET,
        %client_id,
        secret_version = version,
        "the client secret was refused and has changed since; asking with the new one"
    );
}

/// A request goes out as the service, as there is no caller and that was allowed.
pub(crate) fn without_caller(client_id: &ClientId) {
    counter!(WITHOUT_CALLER, CLIENT_ID => client_id.to_string()).increment(1);
}

/// The issuer did not say how clients prove who they are.
pub(crate) fn authentication_unknown(issuer: &Issuer, error: &dyn Error) {
    tracing::debug!(
        target: TARGET,
        %issuer,
        %error,
        cause = %Causes(error),
        "the issuer does not say how clients authenticate; it is done as before, at first by client_secret_basic"
    );
}

#[cfg(test)]
#[path = "telemetry_tests.rs"]
mod tests;
