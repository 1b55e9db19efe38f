//! The issuer's signing keys: read, kept, refreshed.

mod fetch;
mod keeper;
mod key_set;
mod schedule;

pub(crate) use self::{
    fetch::{FetchError, JwksSource},
    keeper::{KeyKeeper, Refresh, Snapshot},
    key_set::{KeySet, Selected},
    schedule::KeySettings,
};

#[cfg(test)]
mod in_memory_tests;
#[cfg(test)]
mod tests;
