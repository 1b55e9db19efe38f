//! What an operator needs to know of a refusal: what was expected, and what came instead. It goes to the log, at level
//! debug, and never into an answer. Nothing is looked up unless somebody listens.
//!
//! Claims are shown only of tokens whose signature is good; what a header says, anyone can have written. Either is cut short
//! and masked where it looks like a token.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use crate::{
    IdInfo, RejectionReason,
    jwks::Installed,
    jwt::{
        algorithm::AllowedAlgorithms,
        claims::Claims,
        compact::{ACCESS_TOKEN_TYPES, Header, Members},
        header_json::Text,
        json::NumericDate,
        validation::Policy,
    },
    telemetry,
};

/// The most characters of a foreign text that are shown.
const MOST: usize = 100;

/// Whether an operator was told that only a slash at the end parts the configured issuer from that of the tokens.
#[derive(Debug, Default)]
pub(crate) struct SlashHint(AtomicBool);

impl SlashHint {
    /// Each token will be refused then, and nobody sees why by looking at it. Said once, at level warn.
    pub(crate) fn give(&self, reason: RejectionReason, claims: &Claims, policy: &Policy) {
        let issuer = claims.iss().unwrap_or_default();
        if reason == RejectionReason::IssuerMismatch
            && policy.differs_by_a_slash(issuer)
            && !self.0.swap(true, Ordering::Relaxed)
        {
            telemetry::only_a_slash_differs(&policy.issuer, &Shown(issuer));
        }
    }
}

/// The claims were refused by the policy.
pub(crate) fn claims(reason: RejectionReason, claims: &Claims, policy: &Policy, now: SystemTime) {
    if !telemetry::explains() {
        return;
    }
    let time = |claim: Option<NumericDate>| claim.map(|date| Distance(date.0, now));
    match reason {
        RejectionReason::IssuerMismatch => {
            telemetry::explain(reason, &policy.issuer, &claims.iss().map(Shown));
        }
        RejectionReason::AudienceMismatch => {
            let audiences: Vec<_> = claims.aud.iter().take(8).map(|audience| Shown(audience)).collect();
            telemetry::explain(reason, &policy.audiences, &audiences);
        }
        RejectionReason::Expired => telemetry::explain(reason, &"exp ahead", &time(claims.exp)),
        RejectionReason::ImplausibleTime(name) => {
            let claim = [("exp", claims.exp), ("iat", claims.iat), ("nbf", claims.nbf)];
            let got = claim.into_iter().find(|(own, _)| *own == name).and_then(|(_, date)| time(date));
            telemetry::explain(reason, &"seconds since 1970", &(name, got));
        }
        RejectionReason::NotYetValid => telemetry::explain(reason, &"nbf behind", &time(claims.nbf)),
        RejectionReason::IssuedInFuture => telemetry::explain(reason, &"iat behind", &time(claims.iat)),
        RejectionReason::MissingClaim(name) => telemetry::explain(reason, &name, &"nothing, or blanks"),
        RejectionReason::BoundToken => {
            telemetry::explain(reason, &"no cnf, as no binding is checked", &"cnf");
        }
        _ => telemetry::explain(
            reason,
            &"an access token",
            &"nonce, at_hash, c_hash or events, as ID tokens and logout tokens have them",
        ),
    }
}

/// What was signed is not a JSON object of claims of the right types.
pub(crate) fn payload(error: &serde_json::Error) -> RejectionReason {
    let reason = RejectionReason::Malformed;
    if telemetry::explains() {
        telemetry::explain(reason, &"claims in one JSON object", &Shown(&error.to_string()));
    }
    reason
}

/// The token's form is not that of a token, or its header not that of a header.
pub(crate) fn form(reason: RejectionReason, length: usize) {
    if reason == RejectionReason::Malformed {
        let expected = "header.payload.signature in base64url, a header of one JSON object";
        telemetry::explain(reason, &expected, &format_args!("{length} bytes of something else"));
    }
}

/// When a token was last logged as too large, in minutes since 1970.
#[derive(Debug, Default)]
pub(crate) struct SizeHint(AtomicU64);

impl SizeHint {
    /// Logs the size at level warn, once a minute at most.
    pub(crate) fn give(&self, size: usize, max_token_size: usize, now: SystemTime) {
        let minute = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
        if self.0.swap(minute, Ordering::Relaxed) != minute {
            telemetry::token_too_large(size, max_token_size);
        }
    }
}

/// The deny list does not want the caller.
pub(crate) fn denied(caller: &IdInfo) {
    if telemetry::explains() {
        let id = caller.token_id().map(Shown);
        telemetry::explain(
            RejectionReason::Denied,
            &"nobody on the deny list",
            &(Shown(caller.user_id()), id),
        );
    }
}

/// The token's key is not published, or does not verify it.
pub(crate) fn key(reason: RejectionReason, header: &Header<'_>, installed: &Installed) {
    with_keys(header, installed, |expected, got| telemetry::explain(reason, expected, got));
}

/// No key verifies the token, and the keys could not be refreshed.
pub(crate) fn not_verified(reason: RejectionReason, header: &Header<'_>, installed: &Installed) {
    with_keys(header, installed, |expected, got| telemetry::not_verified(reason, expected, got));
}

fn with_keys(
    header: &Header<'_>,
    installed: &Installed,
    explain: impl FnOnce(&dyn fmt::Debug, &dyn fmt::Debug),
) {
    if telemetry::explains() {
        let kids: Vec<_> = installed.iter().flat_map(|snapshot| snapshot.keys.kids()).collect();
        explain(&kids, &(header.algorithm.name(), start_of(header.kid).as_deref().map(Shown)));
    }
}

/// The header is not acceptable.
pub(crate) fn header(reason: RejectionReason, members: &Members<'_>, allowed: &AllowedAlgorithms) {
    if telemetry::explains() {
        let (alg, typ) = (start_of(members.alg), start_of(members.typ));
        let (alg, typ) = (alg.as_deref().map(Shown), typ.as_deref().map(Shown));
        match reason {
            RejectionReason::NotAnAccessToken => telemetry::explain(reason, &ACCESS_TOKEN_TYPES, &typ),
            RejectionReason::CriticalHeader => telemetry::explain(reason, &"no crit", &"crit"),
            _ => telemetry::explain(reason, allowed, &alg),
        }
    }
}

/// No more of it than tells that it is too long to be shown.
fn start_of(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.chars().take(MOST + 1).collect())
}

/// A foreign text, fit for a log: escaped, short, and no token.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains("eyJ") || self.0.chars().nth(MOST).is_some() {
            f.write_str("(not shown: too long, or like a token)")
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

/// A foreign text that has to be told as far as it goes: cut, without control characters, and without those of its segments
/// that are like a token.
pub(crate) struct Legible<'a>(pub(crate) &'a str);

/// The longest that is told, in letters.
const LONGEST: usize = 300;

impl fmt::Display for Legible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_token = |segment: &str| segment.starts_with("eyJ") && segment.contains('.');
        let segments = self.0.split_inclusive('/').map(|segment| match segment.strip_suffix('/') {
            Some(own) if is_token(own) => "(not shown)/",
            None if is_token(segment) => "(not shown)",
            _ => segment,
        });
        let mut letters = segments.flat_map(str::chars);
        for letter in letters.by_ref().take(LONGEST) {
            if letter.is_control() { write!(f, "{}", letter.escape_debug())? } else { write!(f, "{letter}")? }
        }
        if letters.next().is_some() { f.write_str("...") } else { Ok(()) }
    }
}

/// How far a time is from now.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_shown_escaped_short_and_never_as_a_token() {
        assert_eq!(format!("{:?}", Shown("a\r\n\u{1b}[0m")), r#""a\r\n\u{1b}[0m""#);
        for text in ["eyJhbGciOiJSUzI1NiJ9", "Bearer eyJx", &"x".repeat(101)] {
            assert!(!format!("{:?}", Shown(text)).contains(text), "{text}");
        }
        assert_eq!(format!("{:?}", Shown(&"x".repeat(100))).len(), 102);
    }

    #[test]
    fn what_has_to_be_told_is_told_as_far_as_it_goes() {
        let long = format!("/tenants/{}/records", "7".repeat(400));
        let told = Legible(&long).to_string();
        assert!(told.starts_with("/tenants/777") && told.ends_with("...") && told.len() < 320, "{told}");
        assert_eq!(Legible(&"/".repeat(60_000)).to_string().len(), LONGEST + 3);
        assert_eq!(Legible(&"x".repeat(LONGEST)).to_string(), "x".repeat(LONGEST), "nothing was cut");
        for (text, told) in [
            ("/tenants/7/records", "/tenants/7/records"),
            ("/of/eyJhbGciOiJSUzI1NiJ9.e30.x/and/on", "/of/(not shown)/and/on"),
            ("/of/eyJhbGciOiJSUzI1NiJ9.e30.x", "/of/(not shown)"),
            ("/a\r\nb\u{1b}[0m", "/a\\r\\nb\\u{1b}[0m"),
            ("o'brien\\", "o'brien\\"),
            ("jti-eyJx", "jti-eyJx"),
            ("", ""),
        ] {
            assert_eq!(Legible(text).to_string(), told);
        }
    }
}
