//! What follows if no installed key verifies a token.

use std::time::SystemTime;

use super::Wait;
use crate::{
    jwks::{CurrentKeys, RefreshPause, RefreshStatus},
    verify::issuer_entry::IssuerEntry,
};

/// The next step for a token that no installed key verifies.
pub(in crate::verify) enum KeyRefresh {
    /// Wait for the running refresh, and verify the token again.
    Running(Wait),
    /// Verify the token again: newer keys were installed after the verification had begun.
    Newer,
    /// Verify the token again with the issuers that are trusted now: the issuer was replaced after
    /// the verification had begun.
    Retired,
    /// Return an error: no refresh is allowed to begin before the end of this pause.
    NotYet(RefreshPause),
}

impl KeyRefresh {
    /// Starts or joins a refresh of the issuer's keys, unless `may_refresh` is false. `installed`
    /// are the keys that do not verify the token.
    pub(in crate::verify) fn begin(
        issuer: &IssuerEntry,
        installed: &CurrentKeys,
        may_refresh: bool,
        now: SystemTime,
    ) -> Self {
        let (jwks, seen) = (&issuer.jwks, installed.as_ref());
        if !may_refresh {
            return Self::NotYet(jwks.pause(seen, now));
        }
        match jwks.refresh(seen, now) {
            RefreshStatus::Running(keys) => Self::Running(Wait::Keys(keys, issuer.key_queue.clone())),
            RefreshStatus::NotYet(_) if !issuer.is_current() => Self::Retired,
            RefreshStatus::NotYet(pause) => Self::NotYet(pause),
            RefreshStatus::Newer => Self::Newer,
        }
    }
}
