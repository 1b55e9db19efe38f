//! Rejects tokens of unknown issuers.

use std::{sync::Arc, time::SystemTime};

use super::{Pipeline, VerifyProgress};
use crate::{
    RejectionReason,
    jwt::{
        claims::Claims,
        compact::{Jws, MAX_HEADER, MAX_SIGNATURE},
    },
    verify::{counters, diagnostics, issuer_entry::IssuerEntry, issuer_table::IssuerTable},
};

/// The maximum number of issuers that are tried to explain a token from an unknown issuer.
const MAX_EXPLAINED: usize = 4;

impl Pipeline {
    /// Counts, logs and rejects a token in the compact form from an unknown issuer.
    pub(super) fn reject_unrouted(
        &self,
        table: &IssuerTable,
        token: &[u8],
        jws: &Jws<'_>,
        reason: RejectionReason,
        now: SystemTime,
    ) -> VerifyProgress {
        if reason == RejectionReason::IssuerMismatch && diagnostics::is_enabled() {
            let signed = self.payload_if_signed(table, jws, now);
            let claims = signed.and_then(|payload| Claims::parse_registered(&payload).ok());
            diagnostics::unknown_issuer(&table.entries, claims.as_ref().and_then(Claims::iss));
        }
        count_unrouted(reason, token)
    }

    /// Returns the payload of a token if an installed key of a trusted issuer verifies it, so that
    /// a log may contain its claims. This is the case if an issuer is misconfigured.
    #[cold]
    fn payload_if_signed(&self, table: &IssuerTable, jws: &Jws<'_>, now: SystemTime) -> Option<Vec<u8>> {
        let _permit = self.permits.try_acquire()?;
        let (mut header, mut signature) = ([0; MAX_HEADER], [0; MAX_SIGNATURE]);
        let (members, signature) = (jws.header(&mut header).ok()?, jws.signature(&mut signature).ok()?);
        let is_signed_by = |issuer: &Arc<IssuerEntry>| {
            let header = members.validate(&issuer.jwks.allowed, &issuer.token_types).ok()?;
            let current = issuer.jwks.current(now);
            current.as_ref()?.keys.verify(&header, jws.message, signature).map(drop)
        };
        table.entries.iter().take(MAX_EXPLAINED).find_map(is_signed_by)?;
        jws.payload().ok()
    }
}

/// Counts and rejects a token of an unknown issuer, and logs its size if it is malformed.
pub(super) fn count_unrouted(reason: RejectionReason, token: &[u8]) -> VerifyProgress {
    counters::rejected(reason);
    diagnostics::form(reason, token.len());
    VerifyProgress::Done(Err(reason.into()))
}
