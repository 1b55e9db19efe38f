//! Logs for operators why a token was rejected: what was expected, and what the token has instead.
//! The texts go to the log at level debug, never into a response, and are only made if that level
//! is enabled.
//!
//! Claims are logged only of tokens with a valid signature; anyone can write a header. Either is
//! shortened, and omitted if it looks like a token.

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

/// Warns, once, that the issuer of tokens differs from the configured one only by a trailing slash:
/// every token is rejected then, and the cause is hard to see.
#[derive(Debug, Default)]
pub(crate) struct IssuerSlashWarning(AtomicBool);

impl IssuerSlashWarning {
    pub(crate) fn check(&self, reason: RejectionReason, claims: &Claims, policy: &Policy) {
        let issuer = claims.iss().unwrap_or_default();
        if reason == RejectionReason::IssuerMismatch
            && policy.differs_by_a_slash(issuer)
            && !self.0.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                target: TARGET,
                configured = policy.issuer,
                token = ?Quoted(issuer),
                "tokens name the configured issuer but for a slash at the end; issuers are compared byte for byte, so set it as the tokens have it"
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
        RejectionReason::Expired => log(reason, &"exp ahead", &time(claims.exp)),
        RejectionReason::ImplausibleTime(name) => {
            let claim = [("exp", claims.exp), ("iat", claims.iat), ("nbf", claims.nbf)];
            let got = claim.into_iter().find(|(own, _)| *own == name).and_then(|(_, date)| time(date));
            log(reason, &"seconds since 1970", &(name, got));
        }
        RejectionReason::NotYetValid => log(reason, &"nbf behind", &time(claims.nbf)),
        RejectionReason::IssuedInFuture => log(reason, &"iat behind", &time(claims.iat)),
        RejectionReason::MissingClaim(name) => log(reason, &name, &"nothing, or blanks"),
        RejectionReason::SenderConstrained => {
            log(reason, &"no cnf, as no binding is checked", &"cnf");
        }
        _ => log(
            reason,
            &"an access token",
            &"nonce, at_hash, c_hash or events, as ID tokens and logout tokens have them",
        ),
    }
}

/// Logs a signed payload that is not a JSON object of claims with the right types.
pub(crate) fn payload(error: &serde_json::Error) -> RejectionReason {
    let reason = RejectionReason::Malformed;
    if is_enabled() {
        log(reason, &"claims in one JSON object", &Quoted(&error.to_string()));
    }
    reason
}

/// Logs a token that is not in the compact form, or whose header is malformed.
pub(crate) fn form(reason: RejectionReason, length: usize) {
    if reason == RejectionReason::Malformed {
        let expected = "header.payload.signature in base64url, a header of one JSON object";
        log(reason, &expected, &format_args!("{length} bytes of something else"));
    }
}

/// Warns, at most once a minute, of a token that is larger than `max_token_size`: anyone can send
/// one. Holds the minute of the last warning, counted from 1970.
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
                "token rejected: it is larger than max_token_size; raise max_token_size if the issuer's tokens are that large"
            );
        }
    }
}

/// Logs a caller that is on the deny list.
pub(crate) fn denied(caller: &IdInfo) {
    if is_enabled() {
        let id = caller.token_id().map(Quoted);
        log(RejectionReason::Revoked, &"nobody on the deny list", &(Quoted(caller.user_id()), id));
    }
}

/// Logs a token whose key is not published, or does not verify its signature.
pub(crate) fn key(reason: RejectionReason, header: &Header<'_>, installed: &CurrentKeys) {
    with_keys(header, installed, |expected, got| log(reason, expected, got));
}

/// Logs a token that no key verifies while the keys could not be refreshed.
pub(crate) fn not_verified(reason: RejectionReason, header: &Header<'_>, installed: &CurrentKeys) {
    with_keys(header, installed, |expected, got| {
        tracing::debug!(
            target: TARGET, ?expected, ?got,
            "token not verified: {reason}, unless the issuer has newer keys, which could not be fetched"
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

/// Logs a header that is not acceptable.
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

/// Returns the beginning of a text, long enough to show that the text is too long to be logged.
fn start_of(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.chars().take(MAX_QUOTED + 1).collect())
}

/// Shows how far a time is from now.
struct Distance(SystemTime, SystemTime);

impl fmt::Debug for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |time: Duration| time.as_secs();
        match self.0.duration_since(self.1) {
            Ok(ahead) => write!(f, "{} s ahead of our clock", whole(ahead)),
            Err(behind) => write!(f, "{} s behind our clock", whole(behind.duration())),
        }
    }
}

fn is_enabled() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
}

fn log(reason: RejectionReason, expected: &dyn fmt::Debug, got: &dyn fmt::Debug) {
    tracing::debug!(target: TARGET, ?expected, ?got, "token refused: {reason}");
}

#[cfg(test)]
mod tests;
