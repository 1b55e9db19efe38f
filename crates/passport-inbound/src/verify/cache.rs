//! Tokens that were verified before. Whatever stands here is only a way to the same verdict: each hit is held to what a new
//! look would find, and what would not be found the same is looked at anew.

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

use crate::{
    IdInfo,
    jwks::{Key, KeyScope},
    jwt::validation::Validity,
};

/// The table in front has no room for what takes more bytes than this.
const MAX_FRONT_WEIGHT: u32 = 4 * 1024;

/// More slots than this do not help: a slot is lost only to another token that is in use at the same time.
const MAX_SLOTS: u64 = 1024;

/// What an entry takes beside its token and its claims: itself, and its places in moka.
const OVERHEAD: usize = 512;

/// How much is kept.
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

/// A token that was verified, and all that its verdict depends on. Not to be shown, so it is not `Debug`.
pub(crate) struct CachedToken {
    pub(crate) token: Arc<[u8]>,
    pub(crate) caller: IdInfo,
    pub(crate) validity: Validity,
    /// The key that verified it, and what that has to stand for to do so again.
    pub(crate) key: Arc<Key>,
    pub(crate) scope: KeyScope,
    /// Whether it has been put overflow the table in front.
    pub(crate) is_in_overflow: AtomicBool,
}

/// A token overflow.
#[derive(Clone)]
struct OverflowEntry {
    known: Arc<CachedToken>,
    /// How long it had to live when it was put there.
    lives_for: Duration,
}

/// Two places for one entry. In front is a small table, of which each token has exactly one slot. Who loses its slot to
/// another goes overflow, to moka, which knows what to forget; to put something there or to look costs more than everything
/// else about a known token.
pub(crate) struct TokenCache {
    front: Box<[ArcSwapOption<CachedToken>]>,
    overflow: Cache<Arc<[u8]>, OverflowEntry, SignatureHashing>,
    hashing: SignatureHashing,
    /// Whether there is one overflow that has never been in front.
    has_heavy: AtomicBool,
}

impl TokenCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        let hashing = SignatureHashing::default();
        // A quarter is for the table.
        let (front, overflow) = (limits.bytes / 4, limits.bytes - limits.bytes / 4);
        let slots = (front / u64::from(MAX_FRONT_WEIGHT)).min(limits.tokens / 4).clamp(1, MAX_SLOTS);
        let slots = 1_usize << slots.ilog2();
        // Each token weighs as much as if there were as many as may be, so that one limit keeps both.
        let least = overflow / (limits.tokens - slots as u64).max(1);
        let least = u32::try_from(least).unwrap_or(u32::MAX);
        let cache = Cache::builder()
            .max_capacity(overflow)
            .weigher(move |_: &Arc<[u8]>, overflow: &OverflowEntry| overflow.known.weight().max(least))
            .expire_after(TokenExpiry)
            .build_with_hasher(hashing.clone());
        let front = (0..slots).map(|_| ArcSwapOption::empty()).collect();
        Self { front, overflow: cache, hashing, has_heavy: AtomicBool::new(false) }
    }

    /// Returns the caller of `token`, if it was verified before and would be verified again `now`.
    #[inline] // small, as the usual hit ends in the table in front
    pub(crate) fn get(&self, token: &[u8], now: SystemTime) -> Option<IdInfo> {
        match self.slot(token).load().as_deref() {
            Some(verified) if verified.is_of(token) => return verified.caller_at(now),
            // Its slot was never used, so it has not lost it. Heavy tokens have no slot.
            None if !self.has_heavy.load(Ordering::Relaxed) => return None,
            _ => {}
        }
        self.get_from_overflow(token, now)
    }

    #[cold]
    fn get_from_overflow(&self, token: &[u8], now: SystemTime) -> Option<IdInfo> {
        let OverflowEntry { known, .. } = self.overflow.get(token)?;
        let caller = known.caller_at(now)?;
        if known.is_light() {
            self.put(known, now);
        }
        Some(caller)
    }

    /// Only what was verified may be given.
    pub(crate) fn insert(&self, verified: CachedToken, now: SystemTime) {
        self.put(Arc::new(verified), now);
    }

    /// In front, if there is room for it. Who had the slot goes overflow.
    fn put(&self, known: Arc<CachedToken>, now: SystemTime) {
        if !known.is_light() {
            self.has_heavy.store(true, Ordering::Relaxed);
            self.put_in_overflow(known, now);
        } else if let Some(before) = self.slot(&known.token).swap(Some(Arc::clone(&known)))
            // The same one was verified by others meanwhile, or anew.
            && before.token != known.token
        {
            self.put_in_overflow(before, now);
        }
    }

    /// Unless it has been put there before, or is of no use any more.
    fn put_in_overflow(&self, known: Arc<CachedToken>, now: SystemTime) {
        let lives_for = known.validity.until.duration_since(now).unwrap_or_default();
        if known.caller_at(now).is_some() && !known.is_in_overflow.swap(true, Ordering::Relaxed) {
            self.overflow.insert(Arc::clone(&known.token), OverflowEntry { known, lives_for });
        }
    }

    fn slot(&self, token: &[u8]) -> &ArcSwapOption<CachedToken> {
        #[expect(clippy::cast_possible_truncation, reason = "a part of a hash is a hash")]
        let hash = self.hashing.hash_one(token) as usize;
        &self.front[hash & (self.front.len() - 1)]
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("tokens_behind", &self.overflow.entry_count())
            .finish_non_exhaustive()
    }
}

impl CachedToken {
    /// In constant time: whoever sends tokens must not learn by it how much of a kept one they have guessed.
    fn is_of(&self, token: &[u8]) -> bool {
        verify_slices_are_equal(&self.token, token).is_ok()
    }

    fn caller_at(&self, now: SystemTime) -> Option<IdInfo> {
        let still_good = self.validity.includes(now) && self.key.covers(self.scope);
        still_good.then(|| self.caller.clone())
    }

    /// Whether there is room for it in front.
    fn is_light(&self) -> bool {
        self.weight() <= MAX_FRONT_WEIGHT
    }

    fn weight(&self) -> u32 {
        // Twice the token: moka keeps the key of an entry that is replaced, and with it another copy of the text.
        let bytes = 2 * self.token.len() + self.caller.size() + OVERHEAD;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// An entry is of no use any more when its token has expired.
struct TokenExpiry;

impl Expiry<Arc<[u8]>, OverflowEntry> for TokenExpiry {
    fn expire_after_create(&self, _: &Arc<[u8]>, overflow: &OverflowEntry, _: Instant) -> Option<Duration> {
        Some(overflow.lives_for)
    }
}

/// Hashes a token by its end. That is the end of the signature, which is as good as chance, and only who has the issuer's key
/// can make another token that is kept with the same; the multiplier keeps the table's order from being foreseen.
#[derive(Clone)]
struct SignatureHashing {
    multiplier: u64,
}

impl Default for SignatureHashing {
    fn default() -> Self {
        // Odd, so that nothing is lost in the product.
        Self { multiplier: fastrand::u64(..) | 1 }
    }
}

impl BuildHasher for SignatureHashing {
    type Hasher = SignatureHasher;

    fn build_hasher(&self) -> SignatureHasher {
        SignatureHasher { multiplier: self.multiplier, hash: 0 }
    }
}

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
            // Both halves of the product, folded: the letters of base64 use few bits of each byte.
            #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
            let folded = (product >> 64) as u64 ^ product as u64;
            self.hash = folded;
        }
    }

    /// What a slice says before its bytes.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests;
