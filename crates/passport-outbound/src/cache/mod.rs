//! Token caches: in memory, and in a store that the instances of a service share.

mod key;
mod shared;
mod store;
mod token_cache;

pub(crate) use self::shared::{Coordinator, store_time_limit};

pub use self::{
    key::TokenKey,
    store::{Lease, LeaseOutcome, Notifier, StoreError, StoredToken, TokenStore},
    token_cache::TokenCache,
};
