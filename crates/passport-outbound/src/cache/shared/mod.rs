//! Token fetches that the instances of a service coordinate through a shared store.

mod coordinator;
mod events;
mod lease;

pub(crate) use self::coordinator::{Coordinator, store_time_limit};
