//! An installed key set, with its lifetime, its metrics and the data for the next refresh.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use arc_swap::Guard;
use bytes::Bytes;

use super::{client::Version, key_life::KeyLife, key_set::KeySet, meters::Meters};
use crate::issuers::IssuerName;

/// A key set that verifies tokens until another key set replaces it, or until it expires.
#[derive(Debug)]
pub(crate) struct InstalledKeys {
    pub(crate) keys: Arc<KeySet>,
    pub(crate) installation: Arc<Installation>,
    /// The version for a conditional request. `None` for keys without an `ETag`.
    pub(super) version: Option<Version>,
    /// How much longer the keys are fresh, according to the caching headers of the response. `None`
    /// if the response had no such headers.
    pub(super) fresh_for: Option<Duration>,
    /// The key set as the issuer sent it, for the cache file.
    pub(super) document: Bytes,
}

/// What is known about a key set without its keys. Cached tokens hold this instead of the key
/// set, so that they do not keep a replaced key set in memory.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) meters: Meters,
    pub(super) life: KeyLife,
    /// Whether another key set was installed after this one.
    is_replaced: AtomicBool,
}

/// A snapshot of the installed key set. `None` if there are no trusted keys. The snapshot
/// increments no reference count, so it must be dropped soon, and must not be held across an
/// `await`.
pub(crate) type CurrentKeys = Guard<Option<Arc<InstalledKeys>>>;

impl InstalledKeys {
    /// Creates an installed key set without a version and without a freshness from the issuer.
    pub(super) fn new(issuer: &IssuerName, keys: Arc<KeySet>, life: KeyLife, document: Bytes) -> Self {
        let installation =
            Installation { meters: Meters::new(issuer), life, is_replaced: AtomicBool::new(false) };
        Self { keys, installation: Arc::new(installation), version: None, fresh_for: None, document }
    }

    pub(super) fn life(&self) -> KeyLife {
        self.installation.life
    }
}

impl Installation {
    /// Returns whether no other keys were installed after these.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        !self.is_replaced.load(Ordering::Acquire)
    }

    /// Returns the period in which the keys are trusted and need no refresh.
    pub(crate) fn fresh_period(&self) -> Range<SystemTime> {
        self.life.fresh_period()
    }

    /// Marks the keys as replaced. Must be called before other keys are installed: a request that
    /// sees the other keys then also sees the mark.
    pub(super) fn replace(&self) {
        self.is_replaced.store(true, Ordering::Release);
    }
}

/// Returns the installation of a key set that another one has replaced.
#[cfg(test)]
pub(crate) fn replaced_installation() -> Arc<Installation> {
    let life = KeyLife::endless(SystemTime::UNIX_EPOCH);
    let keys = InstalledKeys::new(&IssuerName::new("passport"), Arc::default(), life, Bytes::new());
    keys.installation.replace();
    keys.installation
}
