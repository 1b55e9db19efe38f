//! Verifies statements: signed tokens of other kinds than access tokens, such as logout tokens,
//! security event tokens and introspection responses. The trusted issuers, their keys, the
//! limits and the waiting are those of access tokens.
//!
//! An access token is never accepted as a statement, and a statement never as an access token:
//! no `typ` is both ([`STATEMENT_TYPES`](crate::jwt::header::STATEMENT_TYPES)), and a token with
//! `events` is no access token.

use std::{sync::Arc, time::SystemTime};

use passport_core::Clock;

use super::{
    TokenVerifier, VerifyError, VerifyProgress, diagnostics,
    issuer_entry::IssuerEntry,
    limits::VerificationPermit,
    pipeline::{KeyRefresh, Pipeline, Wait},
};
use crate::{
    RejectionReason,
    jwks::{CurrentKeys, Key},
    jwt::{
        claims::Claims,
        compact::{Jws, MAX_HEADER, MAX_SIGNATURE},
        header::{Header, HeaderMembers, StatementType, TokenTypes},
    },
};

/// A statement with a valid signature of a trusted issuer. `iss` and the times are checked. The
/// receiver has to check the audience and all other claims.
pub(crate) struct Statement {
    pub(crate) issuer: Arc<IssuerEntry>,
    /// The registered claims: `iss`, `aud`, `exp`, `nbf`, `iat` and `jti`. The payload has no
    /// duplicate member.
    pub(crate) claims: Claims,
    /// The payload, a JSON object.
    pub(crate) payload: Vec<u8>,
}

impl TokenVerifier {
    /// Verifies a statement in the compact form with one of the types `typ`. Waits as
    /// [`verify`](Self::verify) does.
    ///
    /// # Errors
    /// The errors of [`verify`](Self::verify). They are not counted as those of access tokens.
    ///
    /// # Cancel safety
    /// That of [`verify`](Self::verify).
    pub(crate) async fn verify_statement(
        &self,
        statement: &[u8],
        typ: StatementType,
    ) -> Result<Statement, VerifyError> {
        let types = TokenTypes::Statement(typ);
        let verify =
            |permit, may_refresh| self.pipeline.verify_statement(statement, &types, permit, may_refresh);
        match verify(None, true) {
            VerifyProgress::Done(outcome) => outcome,
            VerifyProgress::Waiting(wait) => self.wait_and_verify(wait, verify).await,
        }
    }
}

impl Pipeline {
    /// Verifies a statement without waiting. The other arguments are those of
    /// [`verify`](Self::verify).
    fn verify_statement(
        &self,
        statement: &[u8],
        types: &TokenTypes,
        mut permit: Option<VerificationPermit>,
        may_refresh: bool,
    ) -> VerifyProgress<Statement> {
        loop {
            match self.try_statement(statement, types, &mut permit, may_refresh) {
                Ok(Attempt::Accepted(statement)) => return VerifyProgress::Done(Ok(*statement)),
                Ok(Attempt::Wait(wait)) => return VerifyProgress::Waiting(wait),
                Ok(Attempt::Again) => {}
                Err(error) => return VerifyProgress::Done(Err(error)),
            }
        }
    }

    /// Verifies a statement with the issuers and the keys of this moment.
    fn try_statement(
        &self,
        statement: &[u8],
        types: &TokenTypes,
        permit: &mut Option<VerificationPermit>,
        may_refresh: bool,
    ) -> Result<Attempt, VerifyError> {
        let now = self.clock.now();
        let jws = Jws::parse(statement, self.max_token_size)?;
        let (mut header, mut signature) = ([0; MAX_HEADER], [0; MAX_SIGNATURE]);
        let members = jws.header(&mut header)?;
        let table = self.issuers.load();
        let issuer = table.route(&jws)?;
        let rejected = |reason| VerifyError::Rejected { reason, issuer: Some(issuer.name.clone()) };
        let header = check_header(&members, issuer, types).map_err(rejected)?;
        jws.check_alphabet().map_err(rejected)?;
        let signature = jws.signature(&mut signature).map_err(rejected)?;
        let current = issuer.jwks.current(now);
        match self.find_key(&current, &header, &jws, signature, permit) {
            KeySearch::Verified(key) => {
                let statement = accept(issuer, &jws, &key, now).map_err(rejected)?;
                Ok(Attempt::Accepted(Box::new(statement)))
            }
            KeySearch::NoPermit => Ok(Attempt::Wait(Wait::Permit)),
            KeySearch::NoKey(reason) => match KeyRefresh::begin(issuer, &current, may_refresh, now) {
                KeyRefresh::Running(wait) => Ok(Attempt::Wait(wait)),
                KeyRefresh::Newer | KeyRefresh::Retired => Ok(Attempt::Again),
                KeyRefresh::NotYet(pause) => Err(match reason.filter(|_| pause.is_current) {
                    Some(reason) => {
                        diagnostics::key(reason, &members, &current, issuer);
                        rejected(reason)
                    }
                    None => VerifyError::KeysUnavailable {
                        retry_after: pause.remaining,
                        issuer: Some(issuer.name.clone()),
                    },
                }),
            },
        }
    }

    /// Returns the key of `current` that verifies the signature.
    fn find_key(
        &self,
        current: &CurrentKeys,
        header: &Header<'_>,
        jws: &Jws<'_>,
        signature: &[u8],
        permit: &mut Option<VerificationPermit>,
    ) -> KeySearch {
        let Some(installed) = current.as_ref() else { return KeySearch::NoKey(None) };
        if let Err(reason) = installed.keys.check_header(header) {
            return KeySearch::NoKey(Some(reason));
        }
        *permit = permit.take().or_else(|| self.permits.try_acquire());
        if permit.is_none() {
            return KeySearch::NoPermit;
        }
        match installed.keys.verify(header, jws.message, signature) {
            Some(key) => KeySearch::Verified(Arc::clone(key)),
            None => KeySearch::NoKey(Some(RejectionReason::SignatureInvalid)),
        }
    }
}

/// Checks that the issuer accepts the algorithm, and that `typ` is the type of the statement.
fn check_header<'a>(
    members: &HeaderMembers<'a>,
    issuer: &IssuerEntry,
    types: &TokenTypes,
) -> Result<Header<'a>, RejectionReason> {
    let allowed = &issuer.jwks.allowed;
    members.validate(allowed, types).inspect_err(|reason| {
        diagnostics::header(*reason, members, allowed, types);
    })
}

/// Checks the issuer and the times of a statement that `key` has verified.
fn accept(
    issuer: &Arc<IssuerEntry>,
    jws: &Jws<'_>,
    key: &Key,
    now: SystemTime,
) -> Result<Statement, RejectionReason> {
    let payload = jws.payload()?;
    let claims = Claims::parse_registered(&payload).map_err(|_| RejectionReason::Malformed)?;
    issuer.check_statement(&claims, key, now)?;
    Ok(Statement { issuer: Arc::clone(issuer), claims, payload })
}

/// The result of one attempt to verify a statement.
enum Attempt {
    Accepted(Box<Statement>),
    /// The statement can be verified when this resource is available.
    Wait(Wait),
    /// Other keys or issuers were installed after the attempt had begun.
    Again,
}

/// The result of the search for a key that verifies a signature.
enum KeySearch {
    Verified(Arc<Key>),
    /// No installed key verifies the signature. If the installed keys are the issuer's latest keys,
    /// the statement is rejected for this reason. `None` if there are no trusted keys.
    NoKey(Option<RejectionReason>),
    /// No verification permit is free.
    NoPermit,
}

#[cfg(test)]
mod tests;
