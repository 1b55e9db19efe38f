//! Tokens that need the answer of their issuer: verified tokens that can be revoked, and opaque
//! tokens.

use std::{sync::Arc, time::SystemTime};

use metrics::counter;
use passport_core::{Clock, from_unix_nanos, unix_nanos};

use super::{
    TokenVerifier, VerifyError, diagnostics,
    issuer_entry::{IssuerEntry, RejectedToken},
    issuer_table::IssuerTable,
    pipeline::{Pipeline, Verified, VerifyProgress},
};
use crate::{
    IdInfo, RejectionReason,
    identity::Revocation,
    introspection::{Active, IntrospectedToken, IntrospectionError},
    jwt::compact::is_jwt,
    metrics::{ISSUER, TOKENS},
};

impl TokenVerifier {
    /// Returns the caller of a token, after the issuer has confirmed it if necessary.
    pub(super) async fn confirmed(&self, verified: Verified, token: &[u8]) -> Result<IdInfo, VerifyError> {
        match verified {
            Verified::Caller(caller) => Ok(caller),
            Verified::Unconfirmed(caller, issuer) => match caller.introspect(None).await {
                Ok(()) => {
                    accepted(&issuer);
                    Ok(caller)
                }
                Err(error) => Err(unconfirmed(&issuer, error)),
            },
            Verified::Opaque(issuer) => self.introspect_opaque(token, &issuer).await,
        }
    }

    /// Asks the issuer about an opaque token, and returns the caller of its answer.
    async fn introspect_opaque(&self, token: &[u8], issuer: &IssuerEntry) -> Result<IdInfo, VerifyError> {
        let Some(introspector) = &issuer.introspector else {
            return Err(issuer.reject(RejectionReason::Malformed));
        };
        let arrival = introspector.arrival(self.pipeline.clock.unix_nanos());
        let outcome = introspector.ask_opaque(token, issuer.options.issuer.clone()).await;
        let caller = self.pipeline.conclude_opaque(issuer, token, outcome, self.pipeline.clock.now())?;
        Ok(caller.with_arrival(arrival))
    }
}

impl Pipeline {
    /// Verifies an opaque token without waiting. Returns `None` if the token is a JWT or a
    /// malformed one, if it has characters that no token has, or if no issuer has opaque tokens.
    pub(super) fn verify_opaque(
        &self,
        table: &IssuerTable,
        token: &[u8],
        now: SystemTime,
    ) -> Option<VerifyProgress> {
        let issuer = table.opaque.as_ref()?;
        let is_opaque = token.len() <= self.max_token_size && is_bearer_token(token) && !is_jwt(token);
        let introspector = issuer.introspector.as_ref().filter(|_| is_opaque)?;
        Some(match introspector.cached(token) {
            Some(outcome) => {
                let outcome = self.conclude_opaque(issuer, token, outcome, now);
                let caller = outcome.map(|caller| caller.for_request(unix_nanos(now)));
                VerifyProgress::Done(caller.map(Verified::Caller))
            }
            None => VerifyProgress::Done(Ok(Verified::Opaque(Arc::clone(issuer)))),
        })
    }

    /// Returns the caller of an opaque token, from the issuer's answer.
    fn conclude_opaque(
        &self,
        issuer: &IssuerEntry,
        token: &[u8],
        outcome: Result<Active, IntrospectionError>,
        now: SystemTime,
    ) -> Result<IdInfo, VerifyError> {
        let active = outcome.map_err(|error| unconfirmed(issuer, error))?;
        let accepted_caller = match &issuer.introspector {
            Some(introspector) => {
                let introspected = IntrospectedToken::opaque(introspector, token.into(), &active);
                let revocation =
                    Revocation::new(self.deny_list.clone()).with_introspection(Some(introspected));
                issuer.accept_opaque(&active, revocation, now)
            }
            None => Err(RejectedToken::Other(RejectionReason::Malformed)),
        };
        match accepted_caller.and_then(|caller| self.check_revocation(caller)) {
            Ok(caller) => {
                if let Some(list) = &self.deny_list {
                    let life = from_unix_nanos(active.expires_at).duration_since(now);
                    list.check_life(life.unwrap_or_default());
                }
                accepted(issuer);
                Ok(caller)
            }
            Err(rejected) => {
                diagnostics::rejected(&rejected, issuer, now);
                Err(issuer.reject(rejected.reason()))
            }
        }
    }
}

/// Counts an accepted token.
fn accepted(issuer: &IssuerEntry) {
    counter!(TOKENS, ISSUER => issuer.name.label(), "outcome" => "accepted").increment(1);
}

/// Counts and returns the error of a token that the issuer does not confirm.
fn unconfirmed(issuer: &IssuerEntry, error: IntrospectionError) -> VerifyError {
    match error {
        IntrospectionError::Inactive => issuer.reject(RejectionReason::Revoked),
        IntrospectionError::Expired => issuer.reject(RejectionReason::Expired),
        IntrospectionError::Unavailable { retry_after } => issuer.introspection_unavailable(retry_after),
    }
}

/// Returns whether a token has only the characters of bearer tokens ([RFC 6750, section
/// 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)), and is not empty.
fn is_bearer_token(token: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    !token.is_empty() && token.iter().all(is_allowed)
}

#[cfg(test)]
mod tests;
