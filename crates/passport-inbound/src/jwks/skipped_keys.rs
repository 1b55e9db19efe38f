use std::{
    collections::{HashSet, hash_map::RandomState},
    sync::{Mutex, PoisonError},
};

use super::{error::SkippedKey, events};

/// The number of skipped keys that are remembered.
const MAX_LOGGED: usize = 256;

/// Logs each skipped key once.
#[derive(Debug, Default)]
pub(super) struct SkippedKeyLog {
    /// For the hashes of entries, which the issuer chooses.
    pub(super) hasher: RandomState,
    logged: Mutex<HashSet<u64>>,
}

impl SkippedKeyLog {
    /// `are_others_left` is whether the key set has keys that are used.
    pub(super) fn log(&self, issuer: &str, skipped: &[SkippedKey], are_others_left: bool) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |key: &&SkippedKey| logged.len() < MAX_LOGGED && logged.insert(key.hash);
        let new: Vec<_> = skipped.iter().filter(is_new).collect();
        drop(logged);
        new.into_iter().for_each(|key| events::key_skipped(issuer, key, are_others_left));
    }
}
