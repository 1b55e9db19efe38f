//! Logs, metrics and tracing spans of token fetches.

use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use metrics::{Counter, counter, gauge, histogram};
use passport_core::{AccessToken, ClientId, with_causes};
use tokio::time::Instant;
use tracing::Span;

use super::{
    cache_entry::RejectionEffect,
    cached_token::CachedToken,
    error::{TokenError, TokenErrorKind},
    source::FetchRequest,
};
use crate::metrics::{
    ATTEMPT_SECONDS, ATTEMPTS, BACKGROUND_REFRESHES, CACHED_ERRORS, CLIENT_ID, EXPIRES_AT, HITS, LIFE_LEFT,
    TARGET, UNAUTHORIZED, WAITS,
};

/// Creates the tracing span of a token fetch.
///
/// The span is a root span, because many calls share the fetch, and the call that started the
/// fetch can end much earlier. A `follows_from` link leads to the span of that call.
pub(super) fn fetch_span(client_id: &ClientId, request: &FetchRequest) -> Span {
    let reason = match (&request.excluded, request.has_valid_token()) {
        (Some(_), _) => "unwanted",
        (None, true) => "refresh",
        (None, false) => "missing",
    };
    let span =
        tracing::info_span!(target: TARGET, parent: None, "passport_token_attempt", %client_id, reason);
    span.follows_from(Span::current());
    span
}

/// Links the current span to `fetch`, the span of a token fetch. The current span is the span of
/// a call that waits for the fetch. Has no effect if `fetch` is `None`.
pub(super) fn link_to_fetch(fetch: Option<&Span>) {
    Span::current().follows_from(fetch.and_then(Span::id));
}

/// Returns the counter of calls that got a cached token, by client id. The counter is registered
/// once per token, so that a call only increments the counter.
pub(super) fn hit_counter(client_id: &ClientId) -> Counter {
    counter!(HITS, CLIENT_ID => client_id.to_string())
}

/// Increments the counter of calls that wait for a token fetch, by client id.
pub(super) fn call_waits(client_id: &ClientId) {
    counter!(WAITS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// Increments the counter of calls that failed during a backoff, without a token fetch, by
/// client id.
pub(super) fn cached_error(client_id: &ClientId) {
    counter!(CACHED_ERRORS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// Measures the duration of a token fetch.
pub(super) struct FetchTimer {
    client_id: ClientId,
    started: Instant,
}

impl FetchTimer {
    /// Starts the measurement.
    pub(super) fn start(client_id: &ClientId) -> Self {
        Self { client_id: client_id.clone(), started: Instant::now() }
    }

    /// Counts the token fetch and records its duration, by client id and outcome. `failed` is the
    /// kind of the failure, `None` after a success.
    pub(super) fn end(self, failed: Option<TokenErrorKind>) {
        let labels = fetch_labels(&self.client_id, failed);
        counter!(ATTEMPTS, &labels).increment(1);
        histogram!(ATTEMPT_SECONDS, &labels).record(self.started.elapsed());
    }
}

/// Counts and logs a token fetch that was dropped with its tokio runtime.
pub(super) fn fetch_dropped(client_id: &ClientId) {
    counter!(ATTEMPTS, &fetch_labels(client_id, Some(TokenErrorKind::Canceled))).increment(1);
    tracing::info!(
        target: TARGET,
        %client_id,
        "token fetch dropped with its tokio runtime, later fetches run on a background thread"
    );
}

fn fetch_labels(client_id: &ClientId, failed: Option<TokenErrorKind>) -> [(&'static str, String); 2] {
    let outcome = failed.map_or("fetched", outcome);
    [(CLIENT_ID, client_id.to_string()), ("outcome", outcome.to_owned())]
}

/// Returns the value of the label `outcome` for a failure of `kind`.
fn outcome(kind: TokenErrorKind) -> &'static str {
    match kind {
        TokenErrorKind::Canceled => "canceled",
        TokenErrorKind::Misconfigured => "misconfigured",
        TokenErrorKind::Rejected => "rejected",
        TokenErrorKind::Unchanged => "unchanged",
        TokenErrorKind::SecretUnavailable => "secret_unavailable",
        TokenErrorKind::ShutDown => "shut_down",
        TokenErrorKind::Tls(_) => "tls",
        TokenErrorKind::Unavailable => "unavailable",
        TokenErrorKind::InvalidResponse => "invalid_response",
    }
}

/// Counts a background refresh, and records how much time was left until the expiry of
/// `current`.
pub(super) fn replacing(client_id: &ClientId, current: &AccessToken, now: SystemTime) {
    let left = current.expires_at().duration_since(now).unwrap_or_default();
    counter!(BACKGROUND_REFRESHES, CLIENT_ID => client_id.to_string()).increment(1);
    histogram!(LIFE_LEFT, CLIENT_ID => client_id.to_string()).record(left);
}

/// Logs the fingerprint and the expiry of a fetched token, and sets the gauge of the expiry.
/// Logs a warning if Passport granted fewer scopes than requested.
pub(super) fn token_fetched(client_id: &ClientId, cached: &CachedToken) {
    let expires_at = cached.token.expires_at();
    let unix = expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(EXPIRES_AT, CLIENT_ID => client_id.to_string()).set(unix.as_secs_f64());
    tracing::info!(
        target: TARGET,
        %client_id,
        token = %cached.token.fingerprint(),
        generation = cached.generation,
        ?expires_at,
        "token fetched"
    );
    if !cached.missing_scopes.is_empty() {
        tracing::warn!(
            target: TARGET,
            %client_id,
            missing_scopes = ?cached.missing_scopes,
            "Passport granted fewer scopes than requested: grant the missing scopes to the identity, or do not request them"
        );
    }
}

/// Logs a failed token fetch and its effect on calls. `token_left` is how long the cached token
/// is still valid. `None` without a valid token.
pub(super) fn fetch_failed(client_id: &ClientId, error: &TokenError, token_left: Option<Duration>) {
    let effect = match token_left.map(|left| left.as_secs()) {
        Some(seconds) => format!("using the cached token for another {seconds} s"),
        None => "no valid token is cached".to_owned(),
    };
    tracing::warn!(
        target: TARGET,
        %client_id,
        kind = outcome(error.kind()),
        status = error.status().map(|status| status.as_u16()),
        oauth_error = error.oauth_error(),
        cause = error.source().map(with_causes).map(display),
        token_left_s = token_left.map(|left| left.as_secs()),
        "token fetch failed, {effect}: {}",
        error.reason()
    );
}

/// Counts and logs the rejection of a token by a receiver, and the effect of the rejection.
pub(super) fn token_rejected(client_id: &ClientId, rejection: RejectionEffect) {
    let (action, effect) = match rejection {
        RejectionEffect::ReplacementDue => ("replaced", "fetching another one"),
        RejectionEffect::AlreadyReplaced => ("superseded", "using the newer one that is already cached"),
        RejectionEffect::TooYoung => (
            "too_young",
            "not fetching another one, because this one is new; check the audience and issuer that the receiver \
             requires, and the identity's roles and scopes",
        ),
        RejectionEffect::NotCached => {
            ("not_cached", "not fetching another one, because token caching is disabled")
        }
    };
    let labels = [(CLIENT_ID, client_id.to_string()), ("action", action.to_owned())];
    counter!(UNAUTHORIZED, &labels).increment(1);
    tracing::info!(target: TARGET, %client_id, action, "token rejected by the receiver, {effect}");
}
