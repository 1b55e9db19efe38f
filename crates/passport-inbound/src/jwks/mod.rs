//! The issuer's signing keys: fetched, cached, refreshed.
//!
//! `refresh_policy` decides when keys are fetched, `refresh` fetches them, and `cache` serves them.

mod cache;
mod client;
mod error;
mod events;
mod health;
mod http_cache;
mod key;
mod key_set;
mod meters;
mod persistence;
mod refresh;
mod refresh_policy;
mod refresh_task;

pub use self::health::{KeyHealth, KeyState};
pub(crate) use self::{
    cache::{Installed, KeyKeeper, Refresh},
    client::JwksSource,
    key::{Key, Standing},
    key_set::{KeySet, Known},
    meters::Meters,
    persistence::KeyFile,
    refresh_policy::KeySettings,
};

#[cfg(fuzzing)]
pub(crate) use self::http_cache::Head;

#[cfg(test)]
pub(crate) use self::key_set::tests::test_key;

#[cfg(test)]
mod tests;
