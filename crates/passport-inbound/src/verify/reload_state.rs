//! What a verifier keeps for a later reload.

use std::{num::NonZeroUsize, sync::Arc};

use passport_core::{Transport, TransportPool};

use super::cache::CacheLimits;
use crate::jwks::RefreshScheduler;

/// What a reload needs of the previous configuration.
#[derive(Debug)]
pub(crate) struct ReloadState {
    pub(super) transport: Transport,
    /// The pool that returns the same transport for the same settings.
    pub(super) pool: TransportPool,
    pub(super) scheduler: Arc<RefreshScheduler>,
}

/// The options that a verifier cannot change while it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FixedOptions {
    pub(super) caches_tokens: bool,
    pub(super) cache: CacheLimits,
    pub(super) max_concurrent: NonZeroUsize,
    pub(super) max_token_size: usize,
}

impl FixedOptions {
    /// Returns the names of the options that differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let options = [
            ("cache_tokens", self.caches_tokens != other.caches_tokens),
            ("max_cached_tokens", self.cache.tokens != other.cache.tokens),
            ("max_cached_bytes", self.cache.bytes != other.cache.bytes),
            ("max_concurrent_verifications", self.max_concurrent != other.max_concurrent),
            ("max_token_size", self.max_token_size != other.max_token_size),
        ];
        options.into_iter().filter(|(_, differs)| *differs).map(|(option, _)| option).collect()
    }
}
