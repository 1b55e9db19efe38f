//! Validates claims. Pure: the current time is an argument.

use std::time::{Duration, SystemTime};

use crate::{RejectionReason, jwt::claims::Claims};

/// How far in the future a time claim can be: 100 years. A token with a later time is rejected,
/// because the time is probably in milliseconds. A date in milliseconds is about 55,000 years in
/// the future.
const MAX_AHEAD: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The issuer, the audiences and the clock skew that the claims are checked against.
#[derive(Debug)]
pub(crate) struct Policy {
    /// The required issuer, which is compared byte for byte.
    pub(crate) issuer: String,
    /// The accepted audiences. The `aud` of a token must contain at least one accepted audience.
    pub(crate) audiences: Vec<String>,
    /// The accepted difference between this machine's clock and the issuer's.
    pub(crate) clock_skew: Duration,
}

/// The period in which a token is accepted, including the clock skew. A cached token is accepted
/// in the same period, so that a cache hit and a new verification have the same result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    /// The beginning of the period, inclusive.
    pub(crate) from: SystemTime,
    /// The end of the period, exclusive.
    pub(crate) until: SystemTime,
}

impl Validity {
    /// Returns whether the token is accepted at the time `now`.
    pub(crate) fn includes(&self, now: SystemTime) -> bool {
        self.from <= now && now < self.until
    }
}

impl Policy {
    /// Validates the claims at the time `now`. Returns the period in which the token is accepted.
    pub(crate) fn check(&self, claims: &Claims, now: SystemTime) -> Result<Validity, RejectionReason> {
        if claims.iss() != Some(&self.issuer) {
            return Err(RejectionReason::IssuerMismatch);
        }
        if !claims.aud.iter().any(|audience| self.audiences.contains(audience)) {
            return Err(RejectionReason::AudienceMismatch);
        }
        let validity = self.check_times(claims, now)?;
        if claims.is_other_token_type {
            return Err(RejectionReason::WrongTokenType);
        }
        if claims.is_sender_constrained {
            return Err(RejectionReason::SenderConstrained);
        }
        required("sub", claims.sub())?;
        required("tenant_id", claims.tenant_id())?;
        Ok(validity)
    }

    /// Validates `exp`, `iat` and `nbf` at the time `now`. Returns the period in which all three
    /// claims are valid.
    fn check_times(&self, claims: &Claims, now: SystemTime) -> Result<Validity, RejectionReason> {
        let exp = claims.exp.ok_or(RejectionReason::MissingClaim("exp"))?.0;
        let iat = claims.iat.ok_or(RejectionReason::MissingClaim("iat"))?.0;
        let nbf = claims.nbf.map(|nbf| nbf.0);
        for (name, date) in [("exp", Some(exp)), ("iat", Some(iat)), ("nbf", nbf)] {
            if date.is_some_and(|date| date.duration_since(now).is_ok_and(|ahead| ahead > MAX_AHEAD)) {
                return Err(RejectionReason::ImplausibleTime(name));
            }
        }
        // If a result exceeds the range of `SystemTime`, the start is 1970, and the end is `exp`.
        let earliest = |date: SystemTime| date.checked_sub(self.clock_skew).unwrap_or(SystemTime::UNIX_EPOCH);
        let until = exp.checked_add(self.clock_skew).unwrap_or(exp);
        if now >= until {
            return Err(RejectionReason::Expired);
        }
        let nbf = nbf.map(earliest);
        if nbf.is_some_and(|nbf| now < nbf) {
            return Err(RejectionReason::NotYetValid);
        }
        if now < earliest(iat) {
            return Err(RejectionReason::IssuedInFuture);
        }
        // If the clock is set back to a time before `plausible`, `exp` is implausible.
        let plausible = exp.checked_sub(MAX_AHEAD).unwrap_or(SystemTime::UNIX_EPOCH);
        let from = nbf.map_or(earliest(iat), |nbf| nbf.max(earliest(iat)));
        Ok(Validity { from: from.max(plausible), until })
    }

    /// Returns whether `issuer` differs from the configured issuer only by a trailing slash, which
    /// is a frequent mistake.
    pub(crate) fn differs_by_trailing_slash(&self, issuer: &str) -> bool {
        issuer != self.issuer && issuer.trim_end_matches('/') == self.issuer.trim_end_matches('/')
    }
}

/// Checks that a required claim is present and not blank.
fn required(name: &'static str, claim: Option<&str>) -> Result<(), RejectionReason> {
    match claim {
        Some(value) if !value.trim().is_empty() => Ok(()),
        _ => Err(RejectionReason::MissingClaim(name)),
    }
}

#[cfg(test)]
mod tests;
