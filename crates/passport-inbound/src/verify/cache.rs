//! Caches verified tokens. The validity and the key of a cached token are checked at each hit,
//! so that a hit has the same result as a new verification. If the check fails, the token is
//! verified again.

mod doorkeeper;
mod entry;
mod signature_hash;

use std::{
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwapOption;
use moka::{Expiry, sync::Cache};
use passport_core::from_unix_nanos;

pub(crate) use self::entry::{CacheEntry, Usage, hit_period};
use self::{doorkeeper::Doorkeeper, entry::MAX_FRONT_WEIGHT, signature_hash::SignatureHash};

/// The maximum number of slots of the front table. More slots would waste memory: a token moves
/// to the slower overflow only if another token that is in use has the same slot.
const MAX_SLOTS: u64 = 1024;

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

/// A token in the overflow.
#[derive(Clone)]
struct OverflowEntry {
    entry: Arc<CacheEntry>,
    /// The time from the insertion into the overflow until the token expires and moka evicts it.
    lives_for: Duration,
}

impl OverflowEntry {
    fn new(entry: Arc<CacheEntry>, now: SystemTime) -> Self {
        let lives_for = entry.validity.until.duration_since(now).unwrap_or_default();
        Self { entry, lives_for }
    }
}

/// A cache of two levels. The front is a small table in which each token has exactly one slot. A
/// token that loses its slot to another token moves to the overflow, a moka cache that evicts
/// the least used tokens. The front exists because an access to moka costs more than all other
/// work of a cache hit.
///
/// A token that was never found in the cache is dropped when it first loses its slot, because an
/// insertion into moka costs a tenth of a verification, and most such tokens are used only once. A
/// token that loses its slot for the second time is kept, so that tokens that are used in turn
/// are found from the third turn on, even if there are more than the front has slots.
pub(crate) struct VerifiedTokenCache {
    front: Box<[ArcSwapOption<CacheEntry>]>,
    /// The tokens that have lost their slot, by their hash.
    overflow: Cache<u64, OverflowEntry, BuildHasherDefault<NoHasher>>,
    hash: SignatureHash,
    /// The tokens that were dropped when they lost their slot.
    dropped: Doorkeeper,
    /// Whether a token that is too large for the front was put into the overflow. If not, all
    /// tokens of a front slot that was never used are uncached, so a lookup need not search the
    /// overflow.
    has_large: AtomicBool,
}

impl VerifiedTokenCache {
    /// Creates an empty cache. A quarter of the bytes is for the front, the rest for the overflow.
    pub(crate) fn new(limits: CacheLimits) -> Self {
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
            .weigher(move |_: &u64, overflow: &OverflowEntry| overflow.entry.weight().max(least))
            .expire_after(TokenExpiry)
            .build_with_hasher(BuildHasherDefault::default());
        Self {
            front: (0..slots).map(|_| ArcSwapOption::empty()).collect(),
            overflow: cache,
            hash: SignatureHash::default(),
            dropped: Doorkeeper::new(limits.tokens),
            has_large: AtomicBool::new(false),
        }
    }

    /// Passes the entry of `token` to `use_hit`, and returns the result. Returns `None` if the
    /// token is not cached, or if a verification at the time `now` would not accept the token.
    /// `now` is in nanoseconds since the Unix epoch.
    #[inline] // small, because most hits are in the front
    pub(crate) fn get<T>(&self, token: &[u8], now: u64, use_hit: impl FnOnce(&CacheEntry) -> T) -> Option<T> {
        let hash = self.hash.of(token);
        let found = match self.slot(hash).load().as_ref() {
            Some(entry) if entry.is_of(token) => {
                if entry.is_unchanged(now) {
                    entry.usage.record_hit();
                    return Some(use_hit(entry));
                }
                self.get_after_change(entry, from_unix_nanos(now))
            }
            // The slot was never used, so no token has moved from this slot to the overflow. Only
            // large tokens are put into the overflow directly.
            None if !self.has_large.load(Ordering::Relaxed) => None,
            _ => self.get_from_overflow(token, hash, from_unix_nanos(now)),
        };
        found.map(|entry| use_hit(&entry))
    }

    /// Checks an entry of the front against newer keys, and remembers the result in its slot.
    #[cold]
    fn get_after_change(&self, entry: &Arc<CacheEntry>, now: SystemTime) -> Option<Arc<CacheEntry>> {
        let checked = entry.checked_again(now)?;
        checked.usage.record_hit();
        if !Arc::ptr_eq(entry, &checked) {
            self.put(Arc::clone(&checked), now);
        }
        Some(checked)
    }

    /// Returns the entry of a token in the overflow, and puts it into its slot of the front if it
    /// is small enough.
    #[cold]
    fn get_from_overflow(&self, token: &[u8], hash: u64, now: SystemTime) -> Option<Arc<CacheEntry>> {
        let entry = self.overflow.get(&hash)?.entry;
        let checked = if entry.is_of(token) { entry.checked_again(now)? } else { return None };
        checked.usage.record_hit();
        if !Arc::ptr_eq(&entry, &checked) {
            // Once for each key set, so that the next hit does not copy the entry again.
            self.overflow.insert(hash, OverflowEntry::new(Arc::clone(&checked), now));
        }
        if checked.fits_front() {
            self.put(Arc::clone(&checked), now);
        }
        Some(checked)
    }

    /// Inserts a token that was verified at the time `now`.
    pub(crate) fn insert(&self, verified: CacheEntry, now: SystemTime) {
        self.put(Arc::new(verified), now);
    }

    /// Puts a token into its slot of the front, and decides about the previous token of that slot.
    /// Puts a token that is too large for the front into the overflow.
    fn put(&self, entry: Arc<CacheEntry>, now: SystemTime) {
        let hash = self.hash.of(&entry.token);
        if !entry.fits_front() {
            self.has_large.store(true, Ordering::Relaxed);
            self.put_in_overflow(entry, hash, now);
        } else if let Some(before) = self.slot(hash).swap(Some(Arc::clone(&entry)))
            // Both tokens are the same if another request has verified the token concurrently.
            && !before.is_of(&entry.token)
        {
            let hash = self.hash.of(&before.token);
            if before.usage.was_hit() || self.dropped.add(hash) {
                self.put_in_overflow(before, hash, now);
            }
        }
    }

    /// Puts a token into the overflow, unless the token was put there before or has expired.
    fn put_in_overflow(&self, entry: Arc<CacheEntry>, hash: u64, now: SystemTime) {
        if entry.validity.includes(now) && entry.usage.enter_overflow() {
            self.overflow.insert(hash, OverflowEntry::new(entry, now));
        }
    }

    /// Returns the slot of the front that belongs to a hash.
    fn slot(&self, hash: u64) -> &ArcSwapOption<CacheEntry> {
        #[expect(clippy::cast_possible_truncation, reason = "a part of a hash is a hash")]
        let hash = hash as usize;
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

/// The expiry policy of the overflow: moka evicts an entry when its token expires.
struct TokenExpiry;

impl Expiry<u64, OverflowEntry> for TokenExpiry {
    fn expire_after_create(&self, _: &u64, overflow: &OverflowEntry, _: Instant) -> Option<Duration> {
        Some(overflow.lives_for)
    }
}

/// Returns the key of the overflow itself, which is a hash.
#[derive(Default)]
struct NoHasher(u64);

impl Hasher for NoHasher {
    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys are numbers")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
