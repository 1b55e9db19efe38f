//! Logs skipped entries of key sets.

use std::{
    collections::{HashSet, hash_map::RandomState},
    sync::{Mutex, PoisonError},
};

use super::{error::SkippedKey, events};

/// The maximum number of skipped keys that are logged.
const MAX_LOGGED: usize = 256;

/// Logs each skipped key once.
#[derive(Debug, Default)]
pub(super) struct SkippedKeyLog {
    /// Hashes the entries. Its keys are random, because the issuer chooses the entries.
    pub(super) hasher: RandomState,
    logged: Mutex<HashSet<u64>>,
}

impl SkippedKeyLog {
    /// Logs the entries that were not logged before. `has_usable_keys` is whether the key set has
    /// usable keys.
    pub(super) fn log(&self, issuer: &str, skipped: &[SkippedKey], has_usable_keys: bool) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |key: &&SkippedKey| logged.len() < MAX_LOGGED && logged.insert(key.hash);
        let new: Vec<_> = skipped.iter().filter(is_new).collect();
        drop(logged);
        new.into_iter().for_each(|key| events::key_skipped(issuer, key, has_usable_keys));
    }
}
