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
    jwks::{Key, Standing},
    jwt::validation::Validity,
};

/// The table in front has no room for what takes more bytes than this.
const HEAVIEST_IN_FRONT: u32 = 4 * 1024;

/// More slots than this do not help: a slot is lost only to another token that is in use at the same time.
const MOST_SLOTS: u64 = 1024;

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
pub(crate) struct KnownToken {
    pub(crate) token: Arc<[u8]>,
    pub(crate) caller: IdInfo,
    pub(crate) validity: Validity,
    /// The key that verified it, and what that has to stand for to do so again.
    pub(crate) key: Arc<Key>,
    pub(crate) standing: Standing,
    /// Whether it has been put behind the table in front.
    pub(crate) is_behind: AtomicBool,
}

/// A token behind.
#[derive(Clone)]
struct Behind {
    known: Arc<KnownToken>,
    /// How long it had to live when it was put there.
    lives_for: Duration,
}

/// Two places for one entry. In front is a small table, of which each token has exactly one slot. Who loses its slot to
/// another goes behind, to moka, which knows what to forget; to put something there or to look costs more than everything
/// else about a known token.
pub(crate) struct TokenCache {
    front: Box<[ArcSwapOption<KnownToken>]>,
    behind: Cache<Arc<[u8]>, Behind, BySignature>,
    hashing: BySignature,
    /// Whether there is one behind that has never been in front.
    has_heavy: AtomicBool,
}

impl TokenCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        let hashing = BySignature::default();
        // A quarter is for the table.
        let (front, behind) = (limits.bytes / 4, limits.bytes - limits.bytes / 4);
        let slots = (front / u64::from(HEAVIEST_IN_FRONT)).min(limits.tokens / 4).clamp(1, MOST_SLOTS);
        let slots = 1_usize << slots.ilog2();
        // Each token weighs as much as if there were as many as may be, so that one limit keeps both.
        let least = behind / (limits.tokens - slots as u64).max(1);
        let least = u32::try_from(least).unwrap_or(u32::MAX);
        let cache = Cache::builder()
            .max_capacity(behind)
            .weigher(move |_: &Arc<[u8]>, behind: &Behind| behind.known.weight().max(least))
            .expire_after(UntilItExpires)
            .build_with_hasher(hashing.clone());
        let front = (0..slots).map(|_| ArcSwapOption::empty()).collect();
        Self { front, behind: cache, hashing, has_heavy: AtomicBool::new(false) }
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
        self.get_behind(token, now)
    }

    #[cold]
    fn get_behind(&self, token: &[u8], now: SystemTime) -> Option<IdInfo> {
        let Behind { known, .. } = self.behind.get(token)?;
        let caller = known.caller_at(now)?;
        if known.is_light() {
            self.put(known, now);
        }
        Some(caller)
    }

    /// Only what was verified may be given.
    pub(crate) fn insert(&self, verified: KnownToken, now: SystemTime) {
        self.put(Arc::new(verified), now);
    }

    /// In front, if there is room for it. Who had the slot goes behind.
    fn put(&self, known: Arc<KnownToken>, now: SystemTime) {
        if !known.is_light() {
            self.has_heavy.store(true, Ordering::Relaxed);
            self.put_behind(known, now);
        } else if let Some(before) = self.slot(&known.token).swap(Some(Arc::clone(&known)))
            // The same one was verified by others meanwhile, or anew.
            && before.token != known.token
        {
            self.put_behind(before, now);
        }
    }

    /// Unless it has been put there before, or is of no use any more.
    fn put_behind(&self, known: Arc<KnownToken>, now: SystemTime) {
        let lives_for = known.validity.until.duration_since(now).unwrap_or_default();
        if known.caller_at(now).is_some() && !known.is_behind.swap(true, Ordering::Relaxed) {
            self.behind.insert(Arc::clone(&known.token), Behind { known, lives_for });
        }
    }

    fn slot(&self, token: &[u8]) -> &ArcSwapOption<KnownToken> {
        #[expect(clippy::cast_possible_truncation, reason = "a part of a hash is a hash")]
        let hash = self.hashing.hash_one(token) as usize;
        &self.front[hash & (self.front.len() - 1)]
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache")
            .field("tokens_behind", &self.behind.entry_count())
            .finish_non_exhaustive()
    }
}

impl KnownToken {
    /// In constant time: whoever sends tokens must not learn by it how much of a kept one they have guessed.
    fn is_of(&self, token: &[u8]) -> bool {
        verify_slices_are_equal(&self.token, token).is_ok()
    }

    fn caller_at(&self, now: SystemTime) -> Option<IdInfo> {
        let still_good = self.validity.includes(now) && self.key.is_at_least(self.standing);
        still_good.then(|| self.caller.clone())
    }

    /// Whether there is room for it in front.
    fn is_light(&self) -> bool {
        self.weight() <= HEAVIEST_IN_FRONT
    }

    fn weight(&self) -> u32 {
        // Twice the token: moka keeps the key of an entry that is replaced, and with it another copy of the text.
        let bytes = 2 * self.token.len() + self.caller.size() + OVERHEAD;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// An entry is of no use any more when its token has expired.
struct UntilItExpires;

impl Expiry<Arc<[u8]>, Behind> for UntilItExpires {
    fn expire_after_create(&self, _: &Arc<[u8]>, behind: &Behind, _: Instant) -> Option<Duration> {
        Some(behind.lives_for)
    }
}

/// Hashes a token by its end. That is the end of the signature, which is as good as chance, and only who has the issuer's key
/// can make another token that is kept with the same; the multiplier keeps the table's order from being foreseen.
#[derive(Clone)]
struct BySignature {
    multiplier: u64,
}

impl Default for BySignature {
    fn default() -> Self {
        // Odd, so that nothing is lost in the product.
        Self { multiplier: fastrand::u64(..) | 1 }
    }
}

impl BuildHasher for BySignature {
    type Hasher = EndOfText;

    fn build_hasher(&self) -> EndOfText {
        EndOfText { multiplier: self.multiplier, hash: 0 }
    }
}

struct EndOfText {
    multiplier: u64,
    hash: u64,
}

impl Hasher for EndOfText {
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
