//! Where tokens are kept.

mod key;
mod slot;

use std::{fmt, sync::Arc};

use moka::sync::Cache;

pub(crate) use self::{
    key::CacheKey,
    slot::{Kept, Outcome, Slot},
};

/// How many different tokens one cache keeps.
const CAPACITY: u64 = 10_000;

/// Keeps tokens in this process, by client id and what was asked for. Cheap to clone; clones share.
///
/// Each [`ManagedIdentity`](crate::ManagedIdentity) has a cache of its own unless one is given to its builder. Give
/// the same one to several when the same identity is built in several places and is to fetch one token for all.
#[derive(Clone)]
pub struct TokenCache {
    slots: Cache<CacheKey, Arc<Slot>>,
}

impl TokenCache {
    /// A cache in memory, bounded to 10,000 tokens.
    #[must_use]
    pub fn memory() -> Self {
        Self { slots: Cache::new(CAPACITY) }
    }

    /// The place of the token for `key`. The holder keeps it, so that a hit never comes back here.
    pub(crate) fn slot(&self, key: CacheKey) -> Arc<Slot> {
        self.slots.get_with(key, Arc::default)
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_shares_a_slot_and_another_does_not() {
        let cache = TokenCache::memory();
        let client_id = "mi-1".parse().unwrap();
        let key = |scopes: &str| {
            let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
            CacheKey::new(&client_id, &url, &scopes.parse().unwrap())
        };
        let slot = cache.slot(key("openid roles"));
        assert!(Arc::ptr_eq(&slot, &cache.clone().slot(key("roles openid"))));
        assert!(!Arc::ptr_eq(&slot, &cache.slot(key("openid"))));
    }
}
