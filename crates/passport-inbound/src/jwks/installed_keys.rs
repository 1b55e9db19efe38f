//! An installed key set, with its lifetime and what a refresh needs to know about it.

use std::{sync::Arc, time::Duration};

use arc_swap::Guard;
use bytes::Bytes;

use super::{client::Version, key_life::KeyLife, key_set::KeySet, meters::Meters};

/// An installed key set.
#[derive(Debug)]
pub(crate) struct InstalledKeys {
    pub(crate) keys: Arc<KeySet>,
    pub(crate) meters: Meters,
    pub(super) life: KeyLife,
    pub(super) version: Option<Version>,
    /// The freshness lifetime that the issuer has stated.
    pub(super) fresh_for: Option<Duration>,
    /// The document from the issuer, for the cache file.
    pub(super) document: Bytes,
}

/// A guard of the installed key set. It costs no reference count, so it is for short use.
pub(crate) type CurrentKeys = Guard<Option<Arc<InstalledKeys>>>;

impl InstalledKeys {
    /// Creates installed keys without a version and without a stated freshness lifetime.
    pub(super) fn new(keys: Arc<KeySet>, life: KeyLife, document: Bytes) -> Self {
        Self { keys, meters: Meters::new(), life, version: None, fresh_for: None, document }
    }
}
