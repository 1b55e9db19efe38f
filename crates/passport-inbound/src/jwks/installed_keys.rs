//! An installed key set, with its lifetime, its metrics and the data for the next refresh.

use std::{sync::Arc, time::Duration};

use arc_swap::Guard;
use bytes::Bytes;

use super::{client::Version, key_life::KeyLife, key_set::KeySet, meters::Meters};
use crate::issuers::IssuerName;

/// A key set that verifies tokens until another key set replaces it, or until it expires.
#[derive(Debug)]
pub(crate) struct InstalledKeys {
    pub(crate) keys: Arc<KeySet>,
    pub(crate) meters: Meters,
    pub(super) life: KeyLife,
    /// The version for a conditional request. `None` for keys without an `ETag`.
    pub(super) version: Option<Version>,
    /// How much longer the keys are fresh, according to the caching headers of the response. `None`
    /// if the response had no such headers.
    pub(super) fresh_for: Option<Duration>,
    /// The key set as the issuer sent it, for the cache file.
    pub(super) document: Bytes,
}

/// A snapshot of the installed key set. `None` if there are no trusted keys. The snapshot
/// increments no reference count, so it must be dropped soon, and must not be held across an
/// `await`.
pub(crate) type CurrentKeys = Guard<Option<Arc<InstalledKeys>>>;

impl InstalledKeys {
    /// Creates an installed key set without a version and without a freshness from the issuer.
    pub(super) fn new(issuer: &IssuerName, keys: Arc<KeySet>, life: KeyLife, document: Bytes) -> Self {
        Self { keys, meters: Meters::new(issuer), life, version: None, fresh_for: None, document }
    }
}
