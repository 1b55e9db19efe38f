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
    /// How long the key set is fresh according to the issuer.
    pub(super) fresh_for: Option<Duration>,
    /// The document as the issuer sent it, to be saved.
    pub(super) document: Bytes,
}

/// The installed key set, without a reference count: for immediate use.
pub(crate) type CurrentKeys = Guard<Option<Arc<InstalledKeys>>>;

impl InstalledKeys {
    /// Creates installed keys without a version and without a lifetime that the issuer has stated.
    pub(super) fn new(keys: Arc<KeySet>, life: KeyLife, document: Bytes) -> Self {
        Self { keys, meters: Meters::new(), life, version: None, fresh_for: None, document }
    }
}
