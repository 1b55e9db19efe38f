//! One attempt to verify a token with the keys of one issuer.

use std::{sync::Arc, time::SystemTime};

use passport_core::unix_nanos;
use tokio::time::Instant;

use super::{ParsedToken, Pipeline, VerifyContext};
use crate::{
    IdInfo, RejectionReason,
    identity::Revocation,
    jwks::{CurrentKeys, Installation, InstalledKeys, Key},
    jwt::header::Header,
    verify::{
        cache::{CacheEntry, Usage, hit_period},
        diagnostics,
        issuer_entry::{AcceptedToken, IssuerEntry, RejectedToken},
        issuer_table::IssuerTable,
    },
};

/// A verification with the keys that were installed when it began.
pub(super) struct Attempt {
    pub(super) installed: CurrentKeys,
    pub(super) result: AttemptResult,
}

/// The result of a verification with the installed keys of an issuer.
pub(super) enum AttemptResult {
    Done(Result<IdInfo, RejectedToken>),
    /// There are no trusted keys.
    NoKeys,
    /// No installed key verifies the token. If the installed keys are the issuer's latest keys, the
    /// token is rejected for this reason.
    NoKey(RejectionReason),
    /// No verification permit is free.
    NoPermit,
}

impl Pipeline {
    /// Verifies a token with the keys of `issuer` that are installed now, under the permit of
    /// `context` or a new permit.
    pub(super) fn attempt(
        &self,
        issuer: &Arc<IssuerEntry>,
        table: &IssuerTable,
        parsed: &ParsedToken<'_>,
        context: &mut VerifyContext,
    ) -> Attempt {
        let current = issuer.jwks.current(context.now);
        let header = match parsed.members.validate(&issuer.jwks.allowed, &issuer.token_types) {
            Ok(header) => header,
            Err(reason) => {
                diagnostics::header(reason, &parsed.members, &issuer.jwks.allowed, &issuer.token_types);
                let result = AttemptResult::Done(Err(reason.into()));
                return Attempt { installed: current, result };
            }
        };
        let Some(installed) = &*current else {
            return Attempt { installed: current, result: AttemptResult::NoKeys };
        };
        let result = match installed.keys.check_header(&header) {
            Err(reason) => AttemptResult::NoKey(reason),
            Ok(()) => self.verify_signature(issuer, table, parsed, &header, installed, context),
        };
        Attempt { installed: current, result }
    }

    /// Verifies the signature of a token, and then its claims. Accepts the token if both are valid.
    fn verify_signature(
        &self,
        issuer: &Arc<IssuerEntry>,
        table: &IssuerTable,
        parsed: &ParsedToken<'_>,
        header: &Header<'_>,
        installed: &InstalledKeys,
        context: &mut VerifyContext,
    ) -> AttemptResult {
        context.permit = context.permit.take().or_else(|| self.permits.try_acquire());
        if context.permit.is_none() {
            return AttemptResult::NoPermit;
        }
        let started = Instant::now();
        let key = installed.keys.verify(header, parsed.jws.message, parsed.signature);
        let outcome =
            key.map(|key| self.accept(issuer, table, parsed, (key, &installed.installation), context.now));
        installed.installation.meters.cold(started);
        outcome.map_or(AttemptResult::NoKey(RejectionReason::SignatureInvalid), AttemptResult::Done)
    }

    /// Checks the claims of a token with a valid signature, and caches the token.
    fn accept(
        &self,
        issuer: &Arc<IssuerEntry>,
        table: &IssuerTable,
        parsed: &ParsedToken<'_>,
        (key, installation): (&Arc<Key>, &Arc<Installation>),
        now: SystemTime,
    ) -> Result<IdInfo, RejectedToken> {
        let revocation = Revocation::new(self.deny_list.clone());
        let accepted = issuer.accept(parsed.token, parsed.jws.payload()?, key, revocation, now)?;
        let AcceptedToken { caller, validity } = accepted;
        if let Some(list) = &self.deny_list {
            list.check_life(validity.until.duration_since(caller.issued_at()).unwrap_or_default());
        }
        table.memo.learn(parsed.jws.header_segment(), issuer);
        if let Some(cache) = &self.cache {
            let verified = CacheEntry {
                token: caller.token().map_or_else(|| parsed.token.into(), Arc::clone),
                caller: caller.clone(),
                validity,
                hit_period: hit_period(&validity, installation),
                issuer: Arc::clone(issuer),
                key: Arc::clone(key),
                has_kid: parsed.members.kid.is_some(),
                installation: Arc::clone(installation),
                usage: Usage::default(),
            };
            cache.insert(verified, now);
        }
        self.check_revocation(caller.for_request(unix_nanos(now)))
    }
}
