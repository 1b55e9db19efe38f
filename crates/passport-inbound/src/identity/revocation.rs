//! How it becomes known that the token of a caller was revoked.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use super::IdInfo;
use crate::{
    deny_list::{CallerIds, CallerKeys, DenyList},
    introspection::IntrospectedToken,
};

/// The sources that can revoke a caller's token while it is in use, and what is known from them.
#[derive(Debug, Default)]
pub(crate) struct Revocation {
    /// The deny list of the verifier.
    deny_list: Option<DenyList>,
    /// The keys of the caller in a deny list. They are computed when a list with entries is first
    /// searched.
    keys: OnceLock<CallerKeys>,
    /// The generation of `deny_list` that does not deny the caller. As long as the list has this
    /// generation, it need not be searched again.
    not_denied_by: AtomicU64,
    /// `None` if the issuer cannot be asked about the token.
    pub(super) introspected: Option<IntrospectedToken>,
}

impl Revocation {
    pub(crate) fn new(deny_list: Option<DenyList>) -> Self {
        Self { deny_list, ..Self::default() }
    }

    /// Sets the issuer that can be asked about the token, if there is one.
    pub(crate) fn with_introspection(self, introspected: Option<IntrospectedToken>) -> Self {
        Self { introspected, ..self }
    }
}

impl IdInfo {
    /// Returns the deny list of the verifier that has verified the token.
    pub(crate) fn deny_list(&self) -> Option<&DenyList> {
        self.verified.revocation.deny_list.as_ref()
    }

    /// Returns whether the deny list of the verifier denies the caller now.
    #[inline]
    pub(crate) fn is_denied(&self) -> bool {
        let revocation = &self.verified.revocation;
        let Some(list) = &revocation.deny_list else { return false };
        // The generation of a list without entries is 0, the initial value.
        let generation = list.generation();
        generation != revocation.not_denied_by.load(Ordering::Relaxed) && self.search(list, generation)
    }

    /// Searches the deny list of the verifier, and remembers if it does not deny the caller.
    /// `generation` was read before, so that a denial that is inserted during the search is
    /// not missed.
    #[cold]
    fn search(&self, list: &DenyList, generation: u64) -> bool {
        let is_denied = list.is_denied(self);
        if !is_denied {
            self.verified.revocation.not_denied_by.store(generation, Ordering::Relaxed);
        }
        is_denied
    }
}

// This method is here so that the module `deny_list` does not depend on `identity`.
impl DenyList {
    /// Returns whether the list denies a caller. A token is denied if its `iat` is not after the
    /// time of a denial with the same issuer and one of the caller's ids.
    #[must_use]
    pub fn is_denied(&self, caller: &IdInfo) -> bool {
        let token = &caller.verified;
        let keys = token.revocation.keys.get_or_init(|| {
            CallerKeys::of(&CallerIds {
                issuer: caller.issuer(),
                tenant: caller.tenant_id(),
                user_id: caller.user_id(),
                sub: token.claims.token_sub(),
                session: caller.session_id(),
                token_id: caller.token_id(),
                managed_identity: caller.managed_identity_id(),
            })
        });
        self.refuses(keys, caller.issued_at())
    }
}

#[cfg(test)]
mod tests;
