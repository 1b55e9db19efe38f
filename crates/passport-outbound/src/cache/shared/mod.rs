//! Tokens that a fleet shares through a store.

mod coordinator;
mod lease;

pub(crate) use self::coordinator::{Shared, store_takes};
