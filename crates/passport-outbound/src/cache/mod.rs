//! Where tokens are cached: in this process, and in a store that a fleet shares.

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
