//! Tokens that a fleet shares through a store.

mod coordinator;
mod events;
mod lease;

pub(crate) use self::coordinator::{Coordinator, store_time_limit};
