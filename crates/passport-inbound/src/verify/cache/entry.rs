//! A token in the cache, and the checks that make it a hit.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use passport_core::unix_nanos;

use crate::{
    IdInfo,
    constant_time::is_equal,
    jwks::{Installation, Key},
    jwt::validation::Validity,
    verify::issuer_entry::IssuerEntry,
};

/// The maximum size of an entry in the front table of the cache, in bytes. A larger entry is
/// stored only in the overflow.
pub(super) const MAX_FRONT_WEIGHT: u32 = 4 * 1024;

/// The assumed size of an entry without its token and its claims, in bytes: the entry itself,
/// and the memory that moka uses for it.
pub(super) const OVERHEAD: usize = 512;

/// A verified token and its caller, with the validity and the key of the token, which are
/// checked at each hit. Does not implement `Debug`, so that no token is logged.
pub(crate) struct CacheEntry {
    pub(crate) token: Arc<[u8]>,
    pub(crate) caller: IdInfo,
    pub(crate) validity: Validity,
    /// The period in which the token is a hit unless other keys or other issuers replace its own,
    /// in nanoseconds since the Unix epoch.
    pub(crate) hit_period: Range<u64>,
    /// The issuer of the token.
    pub(in crate::verify) issuer: Arc<IssuerEntry>,
    /// The key that verified the token.
    pub(crate) key: Arc<Key>,
    /// Whether the header of the token has a `kid`. The `kid` decides which keys are tried.
    pub(crate) has_kid: bool,
    /// The key set that contained the key when this was last checked.
    pub(crate) installation: Arc<Installation>,
    pub(crate) usage: Usage,
}

/// How the cache has used an entry.
#[derive(Default)]
pub(crate) struct Usage {
    /// Whether the entry was found at least once.
    was_hit: AtomicBool,
    /// Whether the token was put into the overflow. A token is put into the overflow only once.
    is_in_overflow: AtomicBool,
}

impl CacheEntry {
    /// Returns whether this is the entry of `token`. Compares in constant time, so that the
    /// duration of the comparison does not reveal how much of a cached token a client has guessed.
    pub(super) fn is_of(&self, token: &[u8]) -> bool {
        is_equal(&self.token, token)
    }

    /// Returns whether a new verification at the time `now` would accept the token, if that is
    /// certain without the installed keys: no other keys were installed since the last check. `now`
    /// is in nanoseconds since the Unix epoch. If this is `false`,
    /// [`checked_again`](Self::checked_again) decides.
    #[inline]
    pub(super) fn is_unchanged(&self, now: u64) -> bool {
        self.hit_period.contains(&now) && self.installation.is_current() && self.issuer.is_current()
    }

    /// Checks the token against the keys that are installed now, and starts a refresh if the keys
    /// are stale. Returns the entry with these keys if a new verification at the time `now` would
    /// accept the token. Returns `None` otherwise.
    pub(super) fn checked_again(self: &Arc<Self>, now: SystemTime) -> Option<Arc<Self>> {
        let current = self.issuer.jwks.current(now);
        let installed = current.as_deref()?;
        let is_valid = self.validity.includes(now)
            && self.issuer.is_current()
            && installed.keys.would_try(&self.key, self.has_kid);
        is_valid.then(|| self.with_keys(&installed.installation))
    }

    /// Returns the same entry, checked against the keys of `installation`.
    fn with_keys(self: &Arc<Self>, installation: &Arc<Installation>) -> Arc<Self> {
        if Arc::ptr_eq(&self.installation, installation) {
            return Arc::clone(self);
        }
        Arc::new(Self {
            token: Arc::clone(&self.token),
            caller: self.caller.clone(),
            validity: self.validity,
            hit_period: hit_period(&self.validity, installation),
            issuer: Arc::clone(&self.issuer),
            key: Arc::clone(&self.key),
            has_kid: self.has_kid,
            installation: Arc::clone(installation),
            usage: self.usage.clone(),
        })
    }

    /// Returns whether the token is small enough for the front.
    pub(super) fn fits_front(&self) -> bool {
        self.weight() <= MAX_FRONT_WEIGHT
    }

    /// Returns the size that counts against the limits of the cache, in bytes.
    pub(super) fn weight(&self) -> u32 {
        let bytes = self.token.len() + self.caller.size() + OVERHEAD;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// Returns the period in which a token is valid and its keys are fresh, in nanoseconds since the
/// Unix epoch. It is computed once, so that a hit compares integers only.
pub(crate) fn hit_period(validity: &Validity, installation: &Installation) -> Range<u64> {
    let fresh = installation.fresh_period();
    unix_nanos(validity.from.max(fresh.start))..unix_nanos(validity.until.min(fresh.end))
}

impl Usage {
    /// Records a hit. Writes only once, so that threads with the same token share its memory.
    pub(super) fn record_hit(&self) {
        if !self.was_hit() {
            self.was_hit.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn was_hit(&self) -> bool {
        self.was_hit.load(Ordering::Relaxed)
    }

    /// Records that the token is put into the overflow. Returns whether this is the first time.
    pub(super) fn enter_overflow(&self) -> bool {
        !self.is_in_overflow.swap(true, Ordering::Relaxed)
    }
}

impl Clone for Usage {
    fn clone(&self) -> Self {
        let is_in_overflow = self.is_in_overflow.load(Ordering::Relaxed);
        Self { was_hit: self.was_hit().into(), is_in_overflow: is_in_overflow.into() }
    }
}
