//! Caches verified tokens. The validity and the key of a cached token are checked at each hit,
//! so that a hit has the same result as a new verification. If the check fails, the token is
//! verified again.

use std::{
    fmt,
    hash::{BuildHasher, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwapOption;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use moka::{Expiry, sync::Cache};

use super::issuer_entry::IssuerEntry;
use crate::{
    IdInfo,
    jwks::{InstalledKeys, Key},
    jwt::validation::Validity,
};

/// The maximum size of an entry in the front table of [`VerifiedTokenCache`], in bytes. A larger
/// entry is stored only in the overflow.
const MAX_FRONT_WEIGHT: u32 = 4 * 1024;

/// The maximum number of slots of the front table. More slots would waste memory: a token moves
/// to the slower overflow only if another token that is in use has the same slot.
const MAX_SLOTS: u64 = 1024;

/// The assumed size of an entry without its token and its claims, in bytes: the entry itself,
/// and the memory that moka uses for it.
const OVERHEAD: usize = 512;

/// The limits of the cache: the number of tokens, and the total size of the tokens in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheLimits {
    pub(crate) tokens: u64,
    pub(crate) bytes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { tokens: 10_000, bytes: 16 * 1024 * 1024 }
    }
}

/// A verified token and its caller, with the validity and the key of the token, which are
/// checked at each hit. Does not implement `Debug`, so that no token is logged.
pub(crate) struct CacheEntry {
    pub(crate) token: Arc<[u8]>,
    pub(crate) caller: IdInfo,
    pub(crate) validity: Validity,
    /// The issuer of the token.
    pub(super) issuer: Arc<IssuerEntry>,
    /// The key that verified the token.
    pub(crate) key: Arc<Key>,
    /// Whether the header of the token has a `kid`. The `kid` decides which keys are tried.
    pub(crate) has_kid: bool,
    /// Whether the token was put into the overflow. A token is put into the overflow only once.
    pub(crate) is_in_overflow: AtomicBool,
}

/// A token in the overflow.
#[derive(Clone)]
struct OverflowEntry {
    entry: Arc<CacheEntry>,
    /// The time from the insertion into the overflow until the token expires and moka evicts it.
    lives_for: Duration,
}

/// A cache of two levels. The front is a small table in which each token has exactly one slot. A
/// token that loses its slot to another token moves to the overflow, a moka cache that evicts
/// the least used tokens. The front exists because an access to moka costs more than all other
/// work of a cache hit.
pub(crate) struct VerifiedTokenCache {
    front: Box<[ArcSwapOption<CacheEntry>]>,
    overflow: Cache<Arc<[u8]>, OverflowEntry, SignatureHashing>,
    hashing: SignatureHashing,
    /// Whether a token that is too large for the front was put into the overflow. If not, all
    /// tokens of a front slot that was never used are uncached, so a lookup need not search the
    /// overflow.
    has_large: AtomicBool,
}

impl VerifiedTokenCache {
    /// Creates an empty cache. A quarter of the bytes is for the front, the rest for the overflow.
    pub(crate) fn new(limits: CacheLimits) -> Self {
        let hashing = SignatureHashing::default();
        // The front gets a quarter of the bytes.
        let (front, overflow) = (limits.bytes / 4, limits.bytes - limits.bytes / 4);
        let slots = (front / u64::from(MAX_FRONT_WEIGHT)).min(limits.tokens / 4).clamp(1, MAX_SLOTS);
        let slots = 1_usize << slots.ilog2();
        // moka has one limit, for the total weight. This limit also bounds the number of tokens,
        // because the weight of each entry is at least the limit divided by the number of tokens.
        let least = overflow / (limits.tokens - slots as u64).max(1);
        let least = u32::try_from(least).unwrap_or(u32::MAX);
        let cache = Cache::builder()
            .max_capacity(overflow)
            .weigher(move |_: &Arc<[u8]>, overflow: &OverflowEntry| overflow.entry.weight().max(least))
            .expire_after(TokenExpiry)
            .build_with_hasher(hashing.clone());
        let front = (0..slots).map(|_| ArcSwapOption::empty()).collect();
        Self { front, overflow: cache, hashing, has_large: AtomicBool::new(false) }
    }

    /// Passes the entry of `token` and the installed keys of its issuer to `use_hit`, and returns
    /// the result. Returns `None` if the token is not cached, or if a verification at the time
    /// `now` would not accept the token.
    #[inline] // small, because most hits are in the front
    pub(crate) fn get<T>(
        &self,
        token: &[u8],
        now: SystemTime,
        use_hit: impl FnOnce(&CacheEntry, &InstalledKeys) -> T,
    ) -> Option<T> {
        match self.slot(token).load().as_deref() {
            Some(verified) if verified.matches(token) => return verified.use_at(now, use_hit),
            // The slot was never used, so no token has moved from this slot to the overflow. Only
            // large tokens are put into the overflow directly.
            None if !self.has_large.load(Ordering::Relaxed) => return None,
            _ => {}
        }
        self.get_from_overflow(token, now, use_hit)
    }

    /// Uses the entry of a token in the overflow, as [`get`](Self::get) does, and puts the token
    /// into its slot of the front if it is small enough.
    #[cold]
    fn get_from_overflow<T>(
        &self,
        token: &[u8],
        now: SystemTime,
        use_hit: impl FnOnce(&CacheEntry, &InstalledKeys) -> T,
    ) -> Option<T> {
        let OverflowEntry { entry, .. } = self.overflow.get(token)?;
        let used = entry.use_at(now, use_hit)?;
        if entry.fits_front() {
            self.put(entry, now);
        }
        Some(used)
    }

    /// Inserts a token that was verified at the time `now`.
    pub(crate) fn insert(&self, verified: CacheEntry, now: SystemTime) {
        self.put(Arc::new(verified), now);
    }

    /// Puts a token into its slot of the front, and the previous token of that slot into the
    /// overflow. Puts a token that is too large for the front into the overflow.
    fn put(&self, entry: Arc<CacheEntry>, now: SystemTime) {
        if !entry.fits_front() {
            self.has_large.store(true, Ordering::Relaxed);
            self.put_in_overflow(entry, now);
        } else if let Some(before) = self.slot(&entry.token).swap(Some(Arc::clone(&entry)))
            // Both tokens are the same if another request has verified the token concurrently.
            && before.token != entry.token
        {
            self.put_in_overflow(before, now);
        }
    }

    /// Puts a token into the overflow, unless the token was put there before or has expired.
    fn put_in_overflow(&self, entry: Arc<CacheEntry>, now: SystemTime) {
        let lives_for = entry.validity.until.duration_since(now).unwrap_or_default();
        if entry.validity.includes(now) && !entry.is_in_overflow.swap(true, Ordering::Relaxed) {
            self.overflow.insert(Arc::clone(&entry.token), OverflowEntry { entry, lives_for });
        }
    }

    /// Returns the slot of the front that belongs to `token`.
    fn slot(&self, token: &[u8]) -> &ArcSwapOption<CacheEntry> {
        #[expect(clippy::cast_possible_truncation, reason = "a part of a hash is a hash")]
        let hash = self.hashing.hash_one(token) as usize;
        &self.front[hash & (self.front.len() - 1)]
    }
}

impl fmt::Debug for VerifiedTokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokenCache")
            .field("overflow_tokens", &self.overflow.entry_count())
            .finish_non_exhaustive()
    }
}

impl CacheEntry {
    /// Returns whether this is the entry of `token`. Compares in constant time, so that the
    /// duration of the comparison does not reveal how much of a cached token a client has guessed.
    fn matches(&self, token: &[u8]) -> bool {
        verify_slices_are_equal(&self.token, token).is_ok()
    }

    /// Passes the entry and the installed keys of its issuer to `use_hit` if a new verification at
    /// the time `now` would accept the token. Returns `None` otherwise.
    fn use_at<T>(&self, now: SystemTime, use_hit: impl FnOnce(&Self, &InstalledKeys) -> T) -> Option<T> {
        let current = self.issuer.jwks.current(now);
        let installed = current.as_deref()?;
        let is_valid = self.validity.includes(now)
            && self.issuer.is_current()
            && installed.keys.would_try(&self.key, self.has_kid);
        is_valid.then(|| use_hit(self, installed))
    }

    /// Returns whether the token is small enough for the front.
    fn fits_front(&self) -> bool {
        self.weight() <= MAX_FRONT_WEIGHT
    }

    /// Returns the size that counts against the limits of the cache, in bytes.
    fn weight(&self) -> u32 {
        // Counts the token twice, because moka keeps the map key of a replaced entry, and that map
        // key is another copy of the token.
        let bytes = 2 * self.token.len() + self.caller.size() + OVERHEAD;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// The expiry policy of the overflow: moka evicts an entry when its token expires.
struct TokenExpiry;

impl Expiry<Arc<[u8]>, OverflowEntry> for TokenExpiry {
    fn expire_after_create(&self, _: &Arc<[u8]>, overflow: &OverflowEntry, _: Instant) -> Option<Duration> {
        Some(overflow.lives_for)
    }
}

/// Hashes a token by the last 16 bytes of its signature. These bytes are as good as random,
/// because only the issuer can make another token with the same last bytes. The random
/// multiplier keeps clients from predicting which tokens share a slot.
#[derive(Clone)]
struct SignatureHashing {
    multiplier: u64,
}

impl Default for SignatureHashing {
    fn default() -> Self {
        // The multiplier is odd, so that the product loses no bits.
        Self { multiplier: fastrand::u64(..) | 1 }
    }
}

impl BuildHasher for SignatureHashing {
    type Hasher = SignatureHasher;

    fn build_hasher(&self) -> SignatureHasher {
        SignatureHasher { multiplier: self.multiplier, hash: 0 }
    }
}

/// The state of the hash function while it hashes one token.
struct SignatureHasher {
    multiplier: u64,
    hash: u64,
}

impl Hasher for SignatureHasher {
    fn write(&mut self, text: &[u8]) {
        let (rest, eights) = text.as_rchunks::<8>();
        let last_two = eights.iter().rev().take(2).map(|eight| u64::from_le_bytes(*eight));
        let short = rest.iter().map(|byte| u64::from(*byte));
        for word in last_two.chain(short.filter(|_| eights.len() < 2)) {
            let product = u128::from(self.hash ^ word) * u128::from(self.multiplier);
            // Folds both halves of the product, because base64 letters use few bits of each byte.
            #[expect(clippy::cast_possible_truncation, reason = "each half of the product is used")]
            let folded = (product >> 64) as u64 ^ product as u64;
            self.hash = folded;
        }
    }

    /// Ignores the length of a slice, which `Hash` writes before the bytes of the slice.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests;
