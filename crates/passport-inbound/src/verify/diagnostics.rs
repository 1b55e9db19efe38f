//! Logs why a token was rejected: the expected value, and the value in the token. The events
//! have the level debug and are formatted only if that level is enabled. The logged values are
//! never part of a response.
//!
//! Claims are logged only if the token's signature is valid. The header members `alg`, `typ` and
//! `kid` are logged for any token. All values are escaped, truncated, and omitted if they look
//! like a token.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use crate::{
    IdInfo, RejectionReason,
    jwks::CurrentKeys,
    jwt::{
        algorithm::AllowedAlgorithms,
        claims::Claims,
        header::{ACCESS_TOKEN_TYPES, Header, HeaderMembers},
        header_json::Text,
        json::NumericDate,
        validation::Policy,
    },
    metrics::TARGET,
    untrusted_text::{MAX_QUOTED, Quoted},
};

/// Logs a warning, once, if `iss` differs from the configured issuer only by a trailing slash.
/// With this mistake, every token is rejected, and the cause is hard to see.
#[derive(Debug, Default)]
pub(crate) struct IssuerSlashWarning(AtomicBool);

impl IssuerSlashWarning {
    /// Logs the warning if the token was rejected because of a trailing slash, and the warning was
    /// not logged yet.
    pub(crate) fn check(&self, reason: RejectionReason, claims: &Claims, policy: &Policy) {
        let issuer = claims.iss().unwrap_or_default();
        if reason == RejectionReason::IssuerMismatch
            && policy.differs_by_trailing_slash(issuer)
            && !self.0.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                target: TARGET,
                configured = policy.issuer,
                token = ?Quoted(issuer),
                "the issuer of the tokens differs from the configured one by a trailing slash: set `issuer` to the `iss` of the tokens"
            );
        }
    }
}

/// Logs which claim the policy rejects: the expected value and the value in the token.
pub(crate) fn claims(reason: RejectionReason, claims: &Claims, policy: &Policy, now: SystemTime) {
    if !is_enabled() {
        return;
    }
    let time = |claim: Option<NumericDate>| claim.map(|date| Distance(date.0, now));
    match reason {
        RejectionReason::IssuerMismatch => {
            log(reason, &policy.issuer, &claims.iss().map(Quoted));
        }
        RejectionReason::AudienceMismatch => {
            let audiences: Vec<_> = claims.aud.iter().take(8).map(|audience| Quoted(audience)).collect();
            log(reason, &policy.audiences, &audiences);
        }
        RejectionReason::Expired => log(reason, &"exp in the future", &time(claims.exp)),
        RejectionReason::ImplausibleTime(name) => {
            let claim = [("exp", claims.exp), ("iat", claims.iat), ("nbf", claims.nbf)];
            let got = claim.into_iter().find(|(own, _)| *own == name).and_then(|(_, date)| time(date));
            log(reason, &"seconds since 1970", &(name, got));
        }
        RejectionReason::NotYetValid => log(reason, &"nbf in the past", &time(claims.nbf)),
        RejectionReason::IssuedInFuture => log(reason, &"iat in the past", &time(claims.iat)),
        RejectionReason::MissingClaim(name) => log(reason, &name, &"missing or blank"),
        RejectionReason::SenderConstrained => log(reason, &"no cnf", &"cnf"),
        _ => log(
            reason,
            &"an access token",
            &"nonce, at_hash, c_hash or events, which are claims of ID tokens and logout tokens",
        ),
    }
}

/// Logs why the payload of a signed token is not a JSON object of claims with the right types.
/// Returns the reason for the rejection.
pub(crate) fn payload(error: &serde_json::Error) -> RejectionReason {
    let reason = RejectionReason::Malformed;
    if is_enabled() {
        log(reason, &"a JSON object of claims", &Quoted(&error.to_string()));
    }
    reason
}

/// Logs the length of a token that is not in the compact form, or has a malformed header. Logs
/// nothing if `reason` is not [`RejectionReason::Malformed`].
pub(crate) fn form(reason: RejectionReason, length: usize) {
    if reason == RejectionReason::Malformed {
        let expected = "header.payload.signature in base64url, with a JSON object as header";
        log(reason, &expected, &format_args!("{length} bytes in another form"));
    }
}

/// Logs a warning, at most once a minute, about a token that is larger than `max_token_size`.
/// The rate is limited because anyone can send such a token. The field is the time of the last
/// warning, in minutes since 1970.
#[derive(Debug, Default)]
pub(crate) struct TokenSizeWarning(AtomicU64);

impl TokenSizeWarning {
    /// Logs the size of the token, in bytes, unless a warning was logged in the same minute.
    pub(crate) fn log(&self, size: usize, max_token_size: usize, now: SystemTime) {
        let minute = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
        if self.0.swap(minute, Ordering::Relaxed) != minute {
            tracing::warn!(
                target: TARGET,
                size,
                max_token_size,
                "token larger than max_token_size rejected: raise max_token_size if the issuer's tokens are that large"
            );
        }
    }
}

/// Logs the user and the token id of a caller that `reject_if` rejects.
pub(crate) fn revoked(caller: &IdInfo) {
    if is_enabled() {
        let id = caller.token_id().map(Quoted);
        log(RejectionReason::Revoked, &"reject_if returns false", &(Quoted(caller.user_id()), id));
    }
}

/// Logs a token that no published key verifies, with the `kid` of each published key.
pub(crate) fn key(reason: RejectionReason, header: &Header<'_>, installed: &CurrentKeys) {
    with_keys(header, installed, |expected, got| log(reason, expected, got));
}

/// Logs a token that no installed key verifies, if the keys could not be refreshed. It is then
/// unknown whether the token is valid.
pub(crate) fn not_verified(reason: RejectionReason, header: &Header<'_>, installed: &CurrentKeys) {
    with_keys(header, installed, |expected, got| {
        tracing::debug!(
            target: TARGET, ?expected, ?got,
            "token not verified: {reason}, but the keys could not be refreshed, so the issuer may have a newer key"
        );
    });
}

/// Calls `write` if the level debug is enabled. The arguments of `write` are:
/// - the `kid`s of the installed keys,
/// - the algorithm and the `kid` of the token.
fn with_keys(
    header: &Header<'_>,
    installed: &CurrentKeys,
    write: impl FnOnce(&dyn fmt::Debug, &dyn fmt::Debug),
) {
    if is_enabled() {
        let kids: Vec<_> = installed.iter().flat_map(|current| current.keys.kids()).collect();
        write(&kids, &(header.algorithm.name(), start_of(header.kid).as_deref().map(Quoted)));
    }
}

/// Logs why the header of a token is rejected: the accepted values and the value in the token.
pub(crate) fn header(reason: RejectionReason, members: &HeaderMembers<'_>, allowed: &AllowedAlgorithms) {
    if is_enabled() {
        let (alg, typ) = (start_of(members.alg), start_of(members.typ));
        let (alg, typ) = (alg.as_deref().map(Quoted), typ.as_deref().map(Quoted));
        match reason {
            RejectionReason::WrongTokenType => log(reason, &ACCESS_TOKEN_TYPES, &typ),
            RejectionReason::UnsupportedCritical => log(reason, &"no crit", &"crit"),
            _ => log(reason, allowed, &alg),
        }
    }
}

/// Returns the beginning of a text, up to one character more than the limit of [`Quoted`], so
/// that `Quoted` recognizes a text over the limit. Returns `None` if there is no text.
fn start_of(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.chars().take(MAX_QUOTED + 1).collect())
}

/// A time, and the current time. Prints how many seconds the first of the two times is in the
/// past or in the future.
struct Distance(SystemTime, SystemTime);

impl fmt::Debug for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |time: Duration| time.as_secs();
        match self.0.duration_since(self.1) {
            Ok(ahead) => write!(f, "{} s in the future", whole(ahead)),
            Err(behind) => write!(f, "{} s in the past", whole(behind.duration())),
        }
    }
}

/// Returns whether events of the level debug are logged, so that expensive values are only
/// prepared for a log.
fn is_enabled() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
}

/// Logs at the level debug why a token was rejected: the expected value, and the value that the
/// token has instead.
fn log(reason: RejectionReason, expected: &dyn fmt::Debug, got: &dyn fmt::Debug) {
    tracing::debug!(target: TARGET, ?expected, ?got, "token rejected: {reason}");
}

#[cfg(test)]
mod tests;
