//! Logs why a token was rejected: the expected value, and the value in the token. The events
//! have the level debug and are formatted only if that level is enabled. The logged values are
//! never part of a response.
//!
//! Claims are logged only if the token's signature is valid, except `iss` of a token that is not
//! from a trusted issuer. The header members `alg`, `typ` and `kid` are logged for any token.
//! All values are escaped, truncated, and omitted if they look like a token.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::issuer_entry::{IssuerEntry, RejectedToken};
use crate::{
    ClaimMap, IdInfo, RejectionReason, TenantRule,
    jwks::CurrentKeys,
    jwt::{
        algorithm::AllowedAlgorithms,
        claims::Claims,
        header::{HeaderMembers, TokenTypes},
        header_json::Text,
        json::NumericDate,
    },
    metrics::TARGET,
    untrusted_text::{MAX_QUOTED, Quoted},
};

/// Logs why an issuer rejects a token: the expected value and the value in the token.
pub(super) fn rejected(rejected: &RejectedToken, issuer: &IssuerEntry, now: SystemTime) {
    if !is_enabled() {
        return;
    }
    match rejected {
        RejectedToken::NotClaims(error) => {
            log(issuer, rejected.reason(), &"a JSON object of claims", &Quoted(&error.to_string()));
        }
        RejectedToken::Claims(reason, claims_of_token) => claims(*reason, claims_of_token, issuer, now),
        RejectedToken::Other(_) => {}
    }
}

/// Logs which claim the issuer's rules reject: the expected value and the value in the token.
fn claims(reason: RejectionReason, claims: &Claims, issuer: &IssuerEntry, now: SystemTime) {
    let time = |claim: Option<NumericDate>| claim.map(|date| Distance(date.0, now));
    let log = |expected: &dyn fmt::Debug, got: &dyn fmt::Debug| log(issuer, reason, expected, got);
    match reason {
        RejectionReason::IssuerMismatch => log(&issuer.options.issuer, &claims.iss().map(Quoted)),
        RejectionReason::AudienceMismatch => {
            let audiences: Vec<_> = claims.aud.iter().take(8).map(|audience| Quoted(audience)).collect();
            log(&(issuer.options.audience_claim.name(), &issuer.policy.audiences), &audiences);
        }
        RejectionReason::Expired => log(&"exp in the future", &time(claims.exp)),
        RejectionReason::ImplausibleTime(name) => {
            let claim = [("exp", claims.exp), ("iat", claims.iat), ("nbf", claims.nbf)];
            let got = claim.into_iter().find(|(own, _)| *own == name).and_then(|(_, date)| time(date));
            log(&"seconds since 1970", &(name, got));
        }
        RejectionReason::NotYetValid => log(&"nbf in the past", &time(claims.nbf)),
        RejectionReason::IssuedInFuture => log(&"iat in the past", &time(claims.iat)),
        RejectionReason::MissingClaim(name) => log(&name, &"missing or blank"),
        RejectionReason::SenderConstrained => log(&"no cnf", &"cnf"),
        RejectionReason::Malformed => log(&"claims of the types that the claim map reads", &"another type"),
        RejectionReason::SubjectUnresolved => {
            log(&issuer.options.claims.as_ref().map(ClaimMap::subject_path), &"missing or blank");
        }
        RejectionReason::TenantUnresolved => {
            log(&issuer.options.tenant.as_ref().and_then(TenantRule::path), &"no tenant by the rule");
        }
        RejectionReason::TenantNotAllowed => log(
            &"an issuer in allowed_issuers of the tenant",
            &(claims.tenant_id().map(Quoted), claims.iss().map(Quoted)),
        ),
        RejectionReason::DirectoryNotAllowed => {
            log(&"a directory in allowed_directories that equals tid", &claims.iss().map(Quoted));
        }
        RejectionReason::KeyIssuerMismatch => {
            log(&"a key whose member issuer is the iss of the token", &claims.iss().map(Quoted));
        }
        _ if claims.is_other_token_type => log(
            &"an access token",
            &"nonce, at_hash, c_hash or events, which are claims of ID tokens and logout tokens",
        ),
        _ => {
            let required: Vec<_> = issuer.options.required_claims.iter().map(ToString::to_string).collect();
            log(&required, &"other claims");
        }
    }
}

/// Logs a token from no trusted issuer. `iss` is the claim of the token, if its signature is
/// valid.
pub(super) fn unknown_issuer(trusted: &[Arc<IssuerEntry>], iss: Option<&str>) {
    let expected: Vec<_> = trusted.iter().take(8).map(|issuer| &issuer.options.issuer).collect();
    let (reason, got) = (RejectionReason::IssuerMismatch, iss.map(Quoted));
    if let Some(got) = got {
        tracing::debug!(target: TARGET, ?expected, ?got, "token rejected: {reason}");
    } else {
        tracing::debug!(
            target: TARGET, ?expected,
            "token rejected: {reason}; the claim is not logged, because no installed key verifies the token"
        );
    }
}

/// Logs the length of a token that is not in the compact form, or has a malformed header. Logs
/// nothing if `reason` is not [`RejectionReason::Malformed`].
pub(crate) fn form(reason: RejectionReason, length: usize) {
    if reason == RejectionReason::Malformed {
        let expected = "header.payload.signature in base64url, with JSON objects as header and payload";
        let got = format_args!("{length} bytes in another form");
        tracing::debug!(target: TARGET, ?expected, ?got, "token rejected: {reason}");
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

/// Logs the user and the token id of a caller with a revoked token. `expected` is the condition
/// that the caller does not meet.
pub(crate) fn revoked(caller: &IdInfo, expected: &str) {
    if is_enabled() {
        let (reason, issuer) = (RejectionReason::Revoked, caller.issuer_name());
        let got = (Quoted(caller.user_id()), caller.token_id().map(Quoted));
        tracing::debug!(target: TARGET, %issuer, ?expected, ?got, "token rejected: {reason}");
    }
}

/// Logs a token that no published key verifies, with the `kid` of each published key.
pub(super) fn key(
    reason: RejectionReason,
    members: &HeaderMembers<'_>,
    installed: &CurrentKeys,
    issuer: &IssuerEntry,
) {
    with_keys(members, installed, |expected, got| log(issuer, reason, expected, got));
}

/// Logs a token that no installed key verifies, if the keys could not be refreshed. It is then
/// unknown whether the token is valid.
pub(super) fn not_verified(
    reason: RejectionReason,
    members: &HeaderMembers<'_>,
    installed: &CurrentKeys,
    issuer: &IssuerEntry,
) {
    with_keys(members, installed, |expected, got| {
        tracing::debug!(
            target: TARGET, issuer = %issuer.name, ?expected, ?got,
            "token not verified: {reason}, but the keys could not be refreshed, so the issuer may have a newer key"
        );
    });
}

/// Calls `write` if the level debug is enabled. The arguments of `write` are:
/// - the `kid`s of the installed keys,
/// - the algorithm and the `kid` of the token.
fn with_keys(
    members: &HeaderMembers<'_>,
    installed: &CurrentKeys,
    write: impl FnOnce(&dyn fmt::Debug, &dyn fmt::Debug),
) {
    if is_enabled() {
        let kids: Vec<_> = installed.iter().flat_map(|current| current.keys.kids()).collect();
        let (alg, kid) = (start_of(members.alg), start_of(members.kid));
        write(&kids, &(alg.as_deref().map(Quoted), kid.as_deref().map(Quoted)));
    }
}

/// Logs why the header of a token is rejected: the accepted values and the value in the token.
pub(super) fn header(
    reason: RejectionReason,
    members: &HeaderMembers<'_>,
    allowed: &AllowedAlgorithms,
    types: &TokenTypes,
) {
    if is_enabled() {
        let (alg, typ) = (start_of(members.alg), start_of(members.typ));
        let (alg, typ) = (alg.as_deref().map(Quoted), typ.as_deref().map(Quoted));
        let types: Vec<_> = types.values().collect();
        let (expected, got): (&dyn fmt::Debug, &dyn fmt::Debug) = match reason {
            RejectionReason::WrongTokenType => (&types, &typ),
            RejectionReason::UnsupportedCritical => (&"no crit", &"crit"),
            _ => (allowed, &alg),
        };
        tracing::debug!(target: TARGET, ?expected, ?got, "token rejected: {reason}");
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
pub(super) fn is_enabled() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
}

/// Logs at the level debug why a token was rejected: the expected value, and the value that the
/// token has instead.
fn log(issuer: &IssuerEntry, reason: RejectionReason, expected: &dyn fmt::Debug, got: &dyn fmt::Debug) {
    tracing::debug!(target: TARGET, issuer = %issuer.name, ?expected, ?got, "token rejected: {reason}");
}

#[cfg(test)]
mod tests;
