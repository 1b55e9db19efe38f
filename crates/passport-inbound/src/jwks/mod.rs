//! The issuer's signing keys: fetched, cached, refreshed.
//!
//! `refresh_policy` decides when keys are fetched, `refresh` fetches them, and `cache` serves them.

mod cache;
mod client;
mod health;
mod http_cache;
mod key;
mod key_set;
mod persistence;
mod refresh;
mod refresh_policy;
mod refresh_task;

pub use self::health::{KeyHealth, KeyState};
pub(crate) use self::{
    cache::{Installed, KeyKeeper, Refresh},
    client::{FetchError, JwksSource},
    key::{Key, Standing, Unusable},
    key_set::{KeySet, Known, OddEntry},
    persistence::{KeyFile, KeyFileError},
    refresh_policy::KeySettings,
};

#[cfg(fuzzing)]
pub(crate) use self::http_cache::Head;

#[cfg(test)]
pub(crate) use self::key_set::tests::test_key;

#[cfg(test)]
mod tests;
