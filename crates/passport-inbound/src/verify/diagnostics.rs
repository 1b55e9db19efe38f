//! Logs why a token was rejected: the expected value, and the value in the token. The events
//! have the level debug and are formatted only if that level is enabled. They are never part of
//! a response.
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
/// Every token is rejected then, and the cause is hard to see.
#[derive(Debug, Default)]
pub(crate) struct IssuerSlashWarning(AtomicBool);

impl IssuerSlashWarning {
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

/// Logs claims that the policy rejects.
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

/// Logs a signed payload that is not a JSON object of claims with the right types.
pub(crate) fn payload(error: &serde_json::Error) -> RejectionReason {
    let reason = RejectionReason::Malformed;
    if is_enabled() {
        log(reason, &"a JSON object of claims", &Quoted(&error.to_string()));
    }
    reason
}

/// Logs a token that is not in the compact form, or has a malformed header.
pub(crate) fn form(reason: RejectionReason, length: usize) {
    if reason == RejectionReason::Malformed {
        let expected = "header.payload.signature in base64url, with a JSON object as header";
        log(reason, &expected, &format_args!("{length} bytes in another form"));
    }
}

/// Logs a warning, at most once a minute, about a token that is larger than `max_token_size`.
/// The rate is limited because anyone can send such a token. Holds the minute of the last
/// warning, in minutes since 1970.
#[derive(Debug, Default)]
pub(crate) struct TokenSizeWarning(AtomicU64);

impl TokenSizeWarning {
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

/// Logs a caller that `reject_if` rejects.
pub(crate) fn revoked(caller: &IdInfo) {
    if is_enabled() {
        let id = caller.token_id().map(Quoted);
        log(RejectionReason::Revoked, &"reject_if returns false", &(Quoted(caller.user_id()), id));
    }
}

/// Logs a token that no published key verifies.
pub(crate) fn key(reason: RejectionReason, header: &Header<'_>, installed: &CurrentKeys) {
    with_keys(header, installed, |expected, got| log(reason, expected, got));
}

/// Logs a token that no key verifies, while the keys cannot be refreshed.
pub(crate) fn not_verified(reason: RejectionReason, header: &Header<'_>, installed: &CurrentKeys) {
    with_keys(header, installed, |expected, got| {
        tracing::debug!(
            target: TARGET, ?expected, ?got,
            "token not verified: {reason}, but the keys could not be refreshed, so the issuer may have a newer key"
        );
    });
}

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

/// Logs a token with a rejected header.
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

/// Returns the beginning of a text, one character longer than the limit of [`Quoted`], so that a
/// text over the limit is recognized.
fn start_of(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.chars().take(MAX_QUOTED + 1).collect())
}

/// Prints how far a time is from the current time.
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

fn is_enabled() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
}

fn log(reason: RejectionReason, expected: &dyn fmt::Debug, got: &dyn fmt::Debug) {
    tracing::debug!(target: TARGET, ?expected, ?got, "token rejected: {reason}");
}

#[cfg(test)]
mod tests;
