//! Fetches, caches and refreshes the signing keys (JWKS) of issuers. Each issuer has a cache of
//! its own.
//!
//! `refresh_policy` decides when keys are refreshed, `refresh` fetches the keys, and `cache`
//! serves them. `refresh_scheduler` starts the scheduled refreshes of all issuers. One refresh
//! reads the keys from the cache file, or fetches the keys with HTTP requests. A refresh ends
//! with an installed key set or with an error.

mod cache;
mod client;
mod clock_set_back;
mod error;
mod events;
mod health;
mod http_cache;
mod installed_keys;
mod key;
mod key_life;
mod key_set;
mod meters;
mod negative_cache;
mod persistence;
mod refresh;
mod refresh_policy;
mod refresh_scheduler;
mod refresh_task;
mod settings;
mod skipped_keys;

pub use self::health::{JwksHealth, JwksState};
pub(crate) use self::{
    cache::{JwksCache, RefreshStatus},
    client::JwksClient,
    installed_keys::{CurrentKeys, Installation, InstalledKeys},
    key::Key,
    persistence::JwksCacheFile,
    refresh_policy::RefreshPause,
    refresh_scheduler::RefreshScheduler,
    settings::KeySettings,
};

#[cfg(fuzzing)]
pub(crate) use self::{http_cache::Head, key_set::KeySet};

#[cfg(test)]
pub(crate) use self::{
    installed_keys::replaced_installation,
    key_set::tests::{key_set, test_keys},
};

#[cfg(test)]
mod tests;
