//! The issuer's signing keys: read, kept, refreshed.
//!
//! `machine` decides when, `attempt` does it, `keeper` serves what came and is the only one that others know.

mod attempt;
mod fetch;
mod health;
mod http_cache;
mod jwk;
mod keeper;
mod key_set;
mod machine;
mod saved;
mod timer;

pub use self::health::{KeyHealth, KeyState};
pub(crate) use self::{
    fetch::{FetchError, JwksSource},
    jwk::{Key, Standing, Unusable},
    keeper::{Installed, KeyKeeper, Refresh},
    key_set::{KeySet, Known, OddEntry},
    machine::KeySettings,
    saved::{KeyFile, KeyFileError},
};

#[cfg(fuzzing)]
pub(crate) use self::http_cache::Head;

#[cfg(test)]
pub(crate) use self::key_set::tests::test_key;

#[cfg(test)]
mod in_memory_tests;
#[cfg(test)]
mod keeping_tests;
#[cfg(test)]
mod rekeying_tests;
#[cfg(test)]
mod request_tests;
#[cfg(test)]
mod tests;
