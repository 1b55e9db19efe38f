//! Verifies the issuer's signed answers about tokens ([RFC
//! 9701](https://www.rfc-editor.org/rfc/rfc9701)).

use std::{
    sync::{Arc, Weak},
    time::SystemTime,
};

use bytes::Bytes;
use passport_core::Clock;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{TokenVerifier, pipeline::Pipeline};
use crate::{
    introspection::{VerifiedAnswer, VerifyAnswer},
    issuers::IssuerName,
    jwt::{header::StatementType, json},
};

const SIGNED_ANSWER: StatementType = StatementType::exactly(&["token-introspection+jwt"]);

/// Verifies signed answers with the keys of a verifier, which holds the introspectors.
#[derive(Debug)]
struct SignedAnswers(Weak<Pipeline>);

/// The payload of a signed answer ([RFC 9701, section
/// 5](https://www.rfc-editor.org/rfc/rfc9701#section-5)).
#[derive(Deserialize)]
struct Payload {
    token_introspection: Box<RawValue>,
}

impl TokenVerifier {
    /// Lets the introspectors of the trusted issuers verify signed answers.
    pub(super) fn verify_signed_answers(&self) {
        for issuer in &self.pipeline.issuers.load().entries {
            if let Some(introspector) = &issuer.introspector {
                introspector.verify_answers_with(SignedAnswers(Arc::downgrade(&self.pipeline)));
            }
        }
    }

    /// Returns the answer in a signed response, and its `iat`: its `typ` is exact, it is of
    /// `issuer` and for `client_id`, and it was issued within the clock skew. `None` if it is not
    /// valid.
    async fn verified_answer(
        &self,
        response: &[u8],
        issuer: &IssuerName,
        client_id: &str,
    ) -> Option<(Bytes, SystemTime)> {
        let statement = self.verify_statement(response, SIGNED_ANSWER).await.ok()?;
        let is_for_client = statement.claims.aud.iter().any(|audience| audience == client_id);
        if statement.issuer.name != *issuer || !is_for_client {
            return None;
        }
        let issued_at = statement.claims.iat?.0;
        let age = self.pipeline.clock.now().duration_since(issued_at).unwrap_or_default();
        if age > statement.issuer.policy.clock_skew {
            return None;
        }
        let payload: Payload = json::object(&statement.payload).ok()?;
        let answer = Bytes::from(String::from(Box::<str>::from(payload.token_introspection)));
        Some((answer, issued_at))
    }
}

impl VerifyAnswer for SignedAnswers {
    fn verify<'a>(
        &'a self,
        response: &'a [u8],
        issuer: &'a IssuerName,
        client_id: &'a str,
    ) -> VerifiedAnswer<'a> {
        Box::pin(async move {
            let verifier = TokenVerifier { pipeline: self.0.upgrade()? };
            verifier.verified_answer(response, issuer, client_id).await
        })
    }
}

#[cfg(test)]
mod tests;
