//! The rules for opaque tokens. Their claims are the issuer's answer.

use std::time::{Duration, SystemTime};

use passport_core::from_unix_nanos;

use super::{IssuerEntry, RejectedToken};
use crate::{
    IdInfo, RejectionReason,
    identity::Revocation,
    introspection::Active,
    jwt::{claims::Claims, json::NumericDate},
};

impl IssuerEntry {
    /// Checks the issuer's answer about an opaque token, and returns the caller. `revocation` has
    /// the sources that can revoke the token later.
    ///
    /// The rules are those of other tokens, with three differences, because the issuer itself has
    /// said that the token is active:
    /// - `iss`, `exp` and `iat` can be missing. An answer without `exp` is used for 60 s.
    /// - In an answer of Passport, `aud` can be missing, as in its documentation.
    /// - There is no tolerance for the clock skew after `exp`.
    pub(in crate::verify) fn accept_opaque(
        &self,
        active: &Active,
        revocation: Revocation,
        now: SystemTime,
    ) -> Result<IdInfo, RejectedToken> {
        let (mut claims, values) = self.parse(&active.body)?;
        claims.set_missing_iss(&self.options.issuer);
        let until = from_unix_nanos(active.expires_at);
        claims.exp = claims.exp.or(Some(NumericDate(until)));
        let checked = self.check_answer(&claims, until, now).and_then(|()| match (&self.external, &values) {
            (Some(rules), Some(values)) => {
                self.check_audience(rules.audiences(&claims, values)?)?;
                self.map_external(&mut claims, values)
            }
            _ if claims.aud.is_empty() => check_passport(&claims),
            _ => self.check_audience(&claims.aud).and_then(|()| check_passport(&claims)),
        });
        if let Err(reason) = checked.and_then(|()| self.check_tenant(&claims)) {
            return Err(RejectedToken::Claims(reason, Box::new(claims)));
        }
        Ok(IdInfo::new(claims, active.body.to_vec(), until, self.source(), revocation))
    }

    /// Checks the claims that have the same meaning in the answers of all issuers.
    fn check_answer(
        &self,
        claims: &Claims,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<(), RejectionReason> {
        let skew = self.policy.clock_skew;
        let is_ahead = |date: Option<NumericDate>| {
            date.is_some_and(|date| date.0.duration_since(now).unwrap_or(Duration::ZERO) > skew)
        };
        if !claims.iss().is_some_and(|iss| self.policy.issuer.matches(iss)) {
            return Err(RejectionReason::IssuerMismatch);
        }
        if now >= until {
            return Err(RejectionReason::Expired);
        }
        if is_ahead(claims.nbf) {
            return Err(RejectionReason::NotYetValid);
        }
        if is_ahead(claims.iat) {
            return Err(RejectionReason::IssuedInFuture);
        }
        if claims.is_other_token_type {
            return Err(RejectionReason::WrongTokenType);
        }
        if claims.is_sender_constrained {
            return Err(RejectionReason::SenderConstrained);
        }
        Ok(())
    }

    fn check_audience(&self, audiences: &[String]) -> Result<(), RejectionReason> {
        let is_accepted = audiences.iter().any(|audience| self.policy.audiences.contains(audience));
        if is_accepted { Ok(()) } else { Err(RejectionReason::AudienceMismatch) }
    }
}

/// Checks the claims that every token of Passport has.
fn check_passport(claims: &Claims) -> Result<(), RejectionReason> {
    for (name, claim) in [("sub", claims.sub()), ("tenant_id", claims.tenant_id())] {
        if claim.is_none_or(|value| value.trim().is_empty()) {
            return Err(RejectionReason::MissingClaim(name));
        }
    }
    Ok(())
}
