//! Logs the skipped entries of key sets, each entry once.

use std::{
    collections::{HashSet, hash_map::RandomState},
    sync::{Mutex, PoisonError},
};

use super::{error::SkippedKey, events};

/// The maximum number of skipped entries that a verifier logs. Further skipped entries are not
/// logged, so that an issuer cannot flood the log.
const MAX_LOGGED: usize = 256;

/// Logs each skipped entry once, although each refresh skips the entry again.
#[derive(Debug, Default)]
pub(super) struct SkippedKeyLog {
    /// Hashes the entries. The hasher is seeded at random, because the issuer chooses the entries.
    pub(super) hasher: RandomState,
    /// The hashes of the entries that were logged.
    logged: Mutex<HashSet<u64>>,
}

impl SkippedKeyLog {
    /// Logs the entries that were not logged before. The level of an entry is warn if
    /// `has_usable_keys` is false, or if the entry stands for entries that were not read. Otherwise
    /// the level is info.
    pub(super) fn log(&self, issuer: &str, skipped: &[SkippedKey], has_usable_keys: bool) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |key: &&SkippedKey| logged.len() < MAX_LOGGED && logged.insert(key.hash);
        let new: Vec<_> = skipped.iter().filter(is_new).collect();
        drop(logged);
        new.into_iter().for_each(|key| events::key_skipped(issuer, key, has_usable_keys));
    }
}
