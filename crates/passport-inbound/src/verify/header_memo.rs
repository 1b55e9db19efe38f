//! Remembers which issuer signs tokens with a header, so that the payload of a new token need
//! not be read before its signature is verified.

use std::{hash::BuildHasher, sync::Arc};

use arc_swap::ArcSwapOption;
use foldhash::fast::RandomState;

use super::issuer_entry::IssuerEntry;
use crate::jwt::issuer_pattern::IssuerPattern;

/// The number of remembered headers. An issuer has one header for each of its keys.
const SLOTS: usize = 64;

/// The maximum size of a remembered header segment, in bytes.
const MAX_HEADER: usize = 512;

/// A small table from the header segments of verified tokens to the issuers of these tokens.
///
/// The issuer is a hint. If the keys of the issuer do not verify a token with the same header,
/// or the token has another `iss`, the `iss` of the token decides. Only verified tokens are
/// remembered, so a client without valid tokens cannot fill the table.
///
/// An issuer with a placeholder is never a hint. An entry for one of its directories can have
/// the same keys, and then the `iss` of the token decides which of both rules apply.
pub(super) struct HeaderMemo {
    slots: [ArcSwapOption<RememberedHeader>; SLOTS],
    hashing: RandomState,
}

struct RememberedHeader {
    /// The header segment of the token, as it is encoded in the token.
    segment: Box<[u8]>,
    /// The issuer of the token. `None` if the header is no hint, because several issuers have this
    /// header, or an issuer with a placeholder has it.
    issuer: Option<Arc<IssuerEntry>>,
}

impl Default for HeaderMemo {
    fn default() -> Self {
        Self { slots: [const { ArcSwapOption::const_empty() }; SLOTS], hashing: RandomState::default() }
    }
}

impl HeaderMemo {
    /// Returns the issuer of the last verified token with this header segment. Returns `None` if
    /// there is none, or if the header is no hint.
    pub(super) fn issuer(&self, segment: &[u8]) -> Option<Arc<IssuerEntry>> {
        let remembered = self.slot(segment).load();
        remembered.as_ref().filter(|own| *own.segment == *segment)?.issuer.clone()
    }

    /// Remembers the header segment of a verified token of `issuer`.
    pub(super) fn learn(&self, segment: &[u8], issuer: &Arc<IssuerEntry>) {
        if segment.len() > MAX_HEADER {
            return;
        }
        let slot = self.slot(segment);
        let remembered = slot.load();
        let issuer = match remembered.as_ref().filter(|own| *own.segment == *segment) {
            None => matches!(issuer.policy.issuer, IssuerPattern::Exact(_)).then(|| Arc::clone(issuer)),
            Some(own) if own.issuer.as_ref().is_some_and(|own| !Arc::ptr_eq(own, issuer)) => None,
            Some(_) => return,
        };
        slot.store(Some(Arc::new(RememberedHeader { segment: segment.into(), issuer })));
    }

    fn slot(&self, segment: &[u8]) -> &ArcSwapOption<RememberedHeader> {
        #[expect(clippy::cast_possible_truncation, reason = "a part of a hash is a hash")]
        let hash = self.hashing.hash_one(segment) as usize;
        &self.slots[hash % SLOTS]
    }
}

impl std::fmt::Debug for HeaderMemo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeaderMemo").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
