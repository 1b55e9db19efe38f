//! Logs, metrics and spans of fetches.

use std::{
    error::Error,
    time::{SystemTime, UNIX_EPOCH},
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

/// Returns the span of a fetch.
///
/// A root span: many calls share the fetch, and the call that started it may end long before. The
/// span is linked to that call.
pub(super) fn fetch_span(client_id: &ClientId, request: &FetchRequest) -> Span {
    let reason = match (&request.excluded, request.is_live()) {
        (Some(_), _) => "unwanted",
        (None, true) => "refresh",
        (None, false) => "missing",
    };
    let span =
        tracing::info_span!(target: TARGET, parent: None, "passport_token_attempt", %client_id, reason);
    span.follows_from(Span::current());
    span
}

/// Links the span of a waiting call to that of the fetch it waits for.
pub(super) fn link_to_fetch(fetch: Option<&Span>) {
    Span::current().follows_from(fetch.and_then(Span::id));
}

/// Returns the counter of calls that the cached token serves. It is registered with each token, so
/// that a call does not look it up.
pub(super) fn hit_counter(client_id: &ClientId) -> Counter {
    counter!(HITS, CLIENT_ID => client_id.to_string())
}

/// Counts a call that waits for a token.
pub(super) fn call_waits(client_id: &ClientId) {
    counter!(WAITS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// Counts a call that got the last error, without a fetch.
pub(super) fn cached_error(client_id: &ClientId) {
    counter!(CACHED_ERRORS, CLIENT_ID => client_id.to_string()).increment(1);
}

/// Measures a fetch.
pub(super) struct FetchTimer {
    client_id: ClientId,
    started: Instant,
}

impl FetchTimer {
    pub(super) fn start(client_id: &ClientId) -> Self {
        Self { client_id: client_id.clone(), started: Instant::now() }
    }

    pub(super) fn end(self, failed: Option<TokenErrorKind>) {
        let labels = fetch_labels(&self.client_id, failed);
        counter!(ATTEMPTS, &labels).increment(1);
        histogram!(ATTEMPT_SECONDS, &labels).record(self.started.elapsed());
    }
}

/// Records a fetch that was dropped with its runtime.
pub(super) fn fetch_dropped(client_id: &ClientId) {
    counter!(ATTEMPTS, &fetch_labels(client_id, Some(TokenErrorKind::Canceled))).increment(1);
    tracing::info!(
        target: TARGET,
        %client_id,
        "a token attempt was dropped with its tokio runtime; later attempts run on a thread of their own"
    );
}

fn fetch_labels(client_id: &ClientId, failed: Option<TokenErrorKind>) -> [(&'static str, String); 2] {
    let outcome = failed.map_or("fetched", outcome);
    [(CLIENT_ID, client_id.to_string()), ("outcome", outcome.to_owned())]
}

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

/// Records that a live token is being replaced.
pub(super) fn replacing(client_id: &ClientId, current: &AccessToken, now: SystemTime) {
    let left = current.expires_at().duration_since(now).unwrap_or_default();
    counter!(BACKGROUND_REFRESHES, CLIENT_ID => client_id.to_string()).increment(1);
    histogram!(LIFE_LEFT, CLIENT_ID => client_id.to_string()).record(left);
}

/// Records a new token.
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
            missing = ?cached.missing_scopes,
            "Passport granted fewer scopes than were asked for; grant them to the identity, or do not ask for them"
        );
    }
}

/// Records a fetch that failed.
pub(super) fn fetch_failed(client_id: &ClientId, error: &TokenError) {
    tracing::warn!(
        target: TARGET,
        %client_id,
        kind = outcome(error.kind()),
        status = error.status().map(|status| status.as_u16()),
        oauth_error = error.oauth_error(),
        cause = error.source().map(with_causes).map(display),
        "token not fetched: {error}"
    );
}

/// Records that a receiver rejected a token.
pub(super) fn token_rejected(client_id: &ClientId, rejection: RejectionEffect) {
    let (action, advice) = match rejection {
        RejectionEffect::ReplacementDue => ("replaced", "the token is being replaced"),
        RejectionEffect::AlreadyReplaced => ("superseded", "it has been replaced meanwhile"),
        RejectionEffect::TooYoung => (
            "too_young",
            "it is too young to be the cause; check the receiver's audience and issuer, and the identity's rights",
        ),
        RejectionEffect::NotCached => ("not_kept", "it was for one call only"),
    };
    let labels = [(CLIENT_ID, client_id.to_string()), ("action", action.to_owned())];
    counter!(UNAUTHORIZED, &labels).increment(1);
    tracing::info!(target: TARGET, %client_id, action, "a receiver refused the token: {advice}");
}
