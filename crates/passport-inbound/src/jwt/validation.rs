//! Validates claims. Pure: the current time is an argument.

use std::time::{Duration, SystemTime};

use crate::{
    RejectionReason,
    jwt::{claims::Claims, issuer_pattern::IssuerPattern},
};

/// How far in the future a time claim can be: 100 years. A token with a later time is rejected,
/// because the time is probably in milliseconds. A date in milliseconds is about 55,000 years in
/// the future.
const MAX_AHEAD: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The issuer, the audiences and the clock skew that the claims are checked against.
#[derive(Debug)]
pub(crate) struct Policy {
    /// The required issuer.
    pub(crate) issuer: IssuerPattern,
    /// The accepted audiences. A token must contain at least one accepted audience.
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
    /// Validates the claims of a token of Passport at the time `now`. Returns the period in which
    /// the token is accepted.
    pub(crate) fn check(&self, claims: &Claims, now: SystemTime) -> Result<Validity, RejectionReason> {
        let validity = self.check_token(claims, &claims.aud, now)?;
        required("sub", claims.sub())?;
        required("tenant_id", claims.tenant_id())?;
        Ok(validity)
    }

    /// Validates the claims that have the same meaning in the tokens of all issuers, and
    /// `audiences`, the audiences of the token. Returns the period in which the token is accepted.
    pub(crate) fn check_token(
        &self,
        claims: &Claims,
        audiences: &[String],
        now: SystemTime,
    ) -> Result<Validity, RejectionReason> {
        if !claims.iss().is_some_and(|iss| self.issuer.matches(iss)) {
            return Err(RejectionReason::IssuerMismatch);
        }
        if !audiences.iter().any(|audience| self.audiences.contains(audience)) {
            return Err(RejectionReason::AudienceMismatch);
        }
        let validity = self.check_times(claims, now)?;
        if claims.is_other_token_type {
            return Err(RejectionReason::WrongTokenType);
        }
        if claims.is_sender_constrained {
            return Err(RejectionReason::SenderConstrained);
        }
        Ok(validity)
    }

    /// Validates the issuer and the times of a statement, which is no access token, at the time
    /// `now`. `iat` is required. `exp` and `nbf` are optional, as in security event tokens ([RFC
    /// 8417, section 2.2](https://www.rfc-editor.org/rfc/rfc8417#section-2.2)).
    pub(crate) fn check_statement(&self, claims: &Claims, now: SystemTime) -> Result<(), RejectionReason> {
        if !claims.iss().is_some_and(|iss| self.issuer.matches(iss)) {
            return Err(RejectionReason::IssuerMismatch);
        }
        let iat = claims.iat.ok_or(RejectionReason::MissingClaim("iat"))?.0;
        let (exp, nbf) = (claims.exp.map(|exp| exp.0), claims.nbf.map(|nbf| nbf.0));
        check_plausible([("exp", exp), ("iat", Some(iat)), ("nbf", nbf)], now)?;
        let is_ahead = |date: SystemTime| date.duration_since(now).is_ok_and(|ahead| ahead > self.clock_skew);
        if exp.is_some_and(|exp| now >= exp.checked_add(self.clock_skew).unwrap_or(exp)) {
            return Err(RejectionReason::Expired);
        }
        if nbf.is_some_and(is_ahead) {
            return Err(RejectionReason::NotYetValid);
        }
        if is_ahead(iat) { Err(RejectionReason::IssuedInFuture) } else { Ok(()) }
    }

    /// Validates `exp`, `iat` and `nbf` at the time `now`. Returns the period in which all three
    /// claims are valid.
    fn check_times(&self, claims: &Claims, now: SystemTime) -> Result<Validity, RejectionReason> {
        let exp = claims.exp.ok_or(RejectionReason::MissingClaim("exp"))?.0;
        let iat = claims.iat.ok_or(RejectionReason::MissingClaim("iat"))?.0;
        let nbf = claims.nbf.map(|nbf| nbf.0);
        check_plausible([("exp", Some(exp)), ("iat", Some(iat)), ("nbf", nbf)], now)?;
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
}

/// Checks that no time is more than [`MAX_AHEAD`] in the future.
fn check_plausible(
    dates: [(&'static str, Option<SystemTime>); 3],
    now: SystemTime,
) -> Result<(), RejectionReason> {
    let is_implausible = |date: SystemTime| date.duration_since(now).is_ok_and(|ahead| ahead > MAX_AHEAD);
    match dates.into_iter().find(|(_, date)| date.is_some_and(is_implausible)) {
        Some((name, _)) => Err(RejectionReason::ImplausibleTime(name)),
        None => Ok(()),
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
