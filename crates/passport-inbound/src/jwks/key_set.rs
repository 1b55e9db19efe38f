//! The key set of an issuer, and the selection of keys for a token.

use std::{hash::BuildHasher, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    error::{KeyFetchError, SkippedKey, SkippedKeys},
    key::{Key, KeyIdentity, UnusableKey},
};
use crate::{
    RejectionReason,
    jwt::{algorithm::AllowedAlgorithms, header::Header, header_json::Text, json},
};

/// The maximum number of entries of a key set that are read. Further entries are skipped, and
/// one warning is logged for all of them.
const MAX_KEYS: usize = 100;

/// The maximum number of keys that are tried for a token. The limit bounds the work that anyone
/// can cause with a token.
/// - If the token has no `kid`, the newest keys for its algorithm are tried.
/// - If the token has a `kid`, all keys with that `kid` and its algorithm are tried: a key set
///   has at most this number of such keys.
///
/// Passport publishes two keys during a rotation, and one key at other times.
const MAX_TRIES: usize = 4;

/// The keys of an issuer that can verify tokens.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    /// The keys, newest first: keys that were not in the previous key set precede the keys that
    /// were.
    keys: Vec<Arc<Key>>,
}

impl KeySet {
    /// Parses a JWK set ([RFC 7517, section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5))
    /// that replaces `previous`. Keys that are also in `previous` are reused. Unusable entries are
    /// skipped, and are returned as the second value. A key set without a usable key is an error,
    /// so that it never replaces a valid key set.
    pub(crate) fn parse(
        body: &[u8],
        allowed: &AllowedAlgorithms,
        previous: &Self,
        hasher: &impl BuildHasher,
    ) -> Result<(Self, Vec<SkippedKey>), KeyFetchError> {
        let entries = entries(body)?;
        let (mut set, mut skipped) = (Self::default(), Vec::new());
        let skipped_key =
            |position, entry: &RawValue, why, hash| SkippedKey { position, kid: kid_of(entry), why, hash };
        if let Some(entry) = entries.get(MAX_KEYS) {
            let why = UnusableKey::TooMany;
            // The hash is independent of the entry, so that the warning about the limit is logged
            // once.
            skipped.push(skipped_key(MAX_KEYS, entry, why, hasher.hash_one(why)));
        }
        for (position, entry) in entries.iter().take(MAX_KEYS).enumerate() {
            let keys = Key::parse(entry.get(), allowed, |identity| previous.find(identity));
            if let Err(why) = keys.and_then(|keys| set.add(keys)) {
                skipped.push(skipped_key(position, entry, why, hasher.hash_one(entry.get())));
            }
        }
        if set.keys.is_empty() {
            return Err(KeyFetchError::NoUsableKey(SkippedKeys(skipped)));
        }
        set.keys.reverse();
        // New keys have no position in `previous`, and `None` sorts first.
        set.keys.sort_by_key(|key| previous.position(&key.identity));
        Ok((set, skipped))
    }

    /// Adds the keys of one entry. Does not add a key that the set already has. Returns an error if
    /// the set already has [`MAX_TRIES`] keys with the same `kid` and algorithm.
    fn add(&mut self, keys: Vec<Arc<Key>>) -> Result<(), UnusableKey> {
        for key in keys {
            let KeyIdentity { kid, algorithm, .. } = &key.identity;
            let same_kid = |other: &&Arc<Key>| {
                kid.is_some() && other.identity.kid == *kid && other.identity.algorithm == *algorithm
            };
            if self.keys.iter().filter(same_kid).count() == MAX_TRIES {
                return Err(UnusableKey::DuplicateKid);
            }
            if self.find(&key.identity).is_none() {
                self.keys.push(key);
            }
        }
        Ok(())
    }

    /// Returns the index of the key with this identity, or `None` if there is no such key.
    fn position(&self, identity: &KeyIdentity) -> Option<usize> {
        self.keys.iter().position(|key| key.identity == *identity)
    }

    /// Returns the key with this identity, or `None` if there is no such key.
    fn find(&self, identity: &KeyIdentity) -> Option<Arc<Key>> {
        self.position(identity).map(|position| Arc::clone(&self.keys[position]))
    }

    /// Returns the `kid` of each key that has a `kid`.
    pub(crate) fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.identity.kid.as_deref())
    }

    /// Returns whether both key sets share the same keys, in the same order.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let keys = || self.keys.iter().zip(&other.keys);
        self.keys.len() == other.keys.len() && keys().all(|(own, other)| Arc::ptr_eq(own, other))
    }

    /// Returns the number of keys.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Checks whether a key has the `kid` and the algorithm of the header. Otherwise returns the
    /// reason to reject the token.
    pub(crate) fn check_header(&self, header: &Header<'_>) -> Result<(), RejectionReason> {
        let mut candidates = self.keys.iter().filter(|key| matches_kid(key, header.kid)).peekable();
        if candidates.peek().is_none() {
            Err(RejectionReason::KeyNotFound)
        } else if candidates.any(|key| key.identity.algorithm == header.algorithm) {
            Ok(())
        } else {
            Err(RejectionReason::AlgorithmMismatch)
        }
    }

    /// Returns the key that verifies `signature`, or `None` if no key verifies it. For a token with
    /// a `kid`, only keys with that `kid` are tried.
    pub(crate) fn verify(&self, header: &Header<'_>, message: &[u8], signature: &[u8]) -> Option<&Arc<Key>> {
        let fits =
            |key: &&Arc<Key>| key.identity.algorithm == header.algorithm && matches_kid(key, header.kid);
        self.keys.iter().filter(fits).take(MAX_TRIES).find(|key| key.verifies(message, signature))
    }

    /// Returns whether [`verify`](Self::verify) would try `key` for a token that `key` has verified
    /// before. `has_kid` is true if that token has a `kid`.
    pub(crate) fn would_try(&self, key: &Arc<Key>, has_kid: bool) -> bool {
        let is_key = |other: &Arc<Key>| Arc::ptr_eq(other, key);
        if has_kid {
            // All keys with the `kid` of the token are tried, because there are at most `MAX_TRIES`
            // such keys. Comparing pointers does not load the other keys into the CPU's cache.
            return self.keys.iter().any(is_key);
        }
        let same_algorithm = |other: &&Arc<Key>| other.identity.algorithm == key.identity.algorithm;
        self.keys.iter().filter(same_algorithm).take(MAX_TRIES).any(is_key)
    }
}

/// Splits a key set into its entries, without parsing the entries.
pub(super) fn entries(body: &[u8]) -> Result<Vec<Box<RawValue>>, KeyFetchError> {
    #[derive(Deserialize)]
    struct JwkSet {
        keys: Vec<Box<RawValue>>,
    }
    let document: JwkSet = json::object(body).map_err(|_| KeyFetchError::NotAKeySet)?;
    Ok(document.keys)
}

/// Returns the `kid` of an entry, for a log. Returns `None` if the `kid` is missing or not a
/// string.
fn kid_of(entry: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct KidOnly {
        kid: Option<String>,
    }
    serde_json::from_str::<KidOnly>(entry.get()).ok()?.kid
}

/// Returns whether a token with this `kid` was possibly signed with `key`. Always returns `true`
/// for a token without a `kid`.
fn matches_kid(key: &Key, kid: Option<Text<'_>>) -> bool {
    kid.is_none_or(|kid| key.identity.kid.as_deref().is_some_and(|own| kid.equals(own)))
}

#[cfg(test)]
pub(super) mod tests;
