//! The store that a fleet shares. When it is used is decided in `cache/shared`.

mod circuit_breaker;
mod erased;
mod error;
mod events;
mod notifier;
mod session;
mod stored_token;

use std::{fmt, future::Future, time::Duration};

use passport_core::AccessToken;

use super::TokenKey;

pub(super) use self::{circuit_breaker::StoreHandle, notifier::Notifications, session::StoreSession};
pub use self::{error::StoreError, notifier::Notifier, stored_token::StoredToken};

/// A store in which a fleet shares tokens, so that all its instances make one token request. See
/// [`TokenCache::shared`](crate::TokenCache::shared).
///
/// A store only keeps tokens. When it is used, when to wait and when to continue without it is
/// decided here, for every store alike. A store that fails, or takes longer than
/// [`timeout`](Self::timeout), is a cache miss, never an outage: it is not called then until it answers
/// a [`ping`](Self::ping).
///
/// A client that can read the store can be the service until the token expires, so a store should
/// encrypt tokens. That of `passport-redis` does.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex, time::{Duration, SystemTime}};
///
/// use passport_outbound::{AccessToken, Lease, LeaseOutcome, StoreError, StoredToken, TokenKey, TokenStore};
///
/// /// A store of a single instance, as an example.
/// #[derive(Debug, Default)]
/// struct SingleInstance(Mutex<HashMap<TokenKey, StoredToken>>);
///
/// impl TokenStore for SingleInstance {
///     async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
///         let tokens = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         Ok(tokens.get(key).filter(|kept| SystemTime::now() < kept.token().expires_at()).cloned())
///     }
///
///     async fn try_lease(&self, key: &TokenKey, _: &str, _: Duration) -> Result<LeaseOutcome, StoreError> {
///         let token = self.get(key).await?;
///         Ok(LeaseOutcome { lease: Lease::Granted, token }) // there is no other instance
///     }
///
///     async fn put(&self, key: &TokenKey, _: &str, token: &StoredToken) -> Result<(), StoreError> {
///         let mut tokens = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         let kept = tokens.entry(key.clone()).or_insert_with(|| token.clone());
///         if kept.token().expires_at() < token.token().expires_at() {
///             *kept = token.clone();
///         }
///         Ok(())
///     }
///
///     async fn release(&self, _: &TokenKey, _: &str) -> Result<(), StoreError> {
///         Ok(())
///     }
///
///     async fn remove(&self, key: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
///         let mut tokens = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         if tokens.get(key).is_some_and(|kept| kept.token().expose() == token.expose()) {
///             tokens.remove(key);
///         }
///         Ok(())
///     }
/// }
/// ```
///
/// # Cancel safety
/// A call that takes longer than the limit, or that is running at a shutdown, is dropped; it may
/// then have taken effect or not.
pub trait TokenStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the token for `key`, if there is one that has not expired.
    ///
    /// # Errors
    /// When the store cannot say.
    fn get(&self, key: &TokenKey) -> impl Future<Output = Result<Option<StoredToken>, StoreError>> + Send;

    /// Lets only `holder` fetch a token for `key`, until it calls [`put`](Self::put) or
    /// [`release`](Self::release), or `time` has passed. For the current holder, the lease is
    /// renewed to `time` from now. Returns the stored token in the same step.
    ///
    /// # Errors
    /// When the store cannot say.
    fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> impl Future<Output = Result<LeaseOutcome, StoreError>> + Send;

    /// Stores `token` for `key` until it expires, unless a token with a later expiry is stored;
    /// ends the lease of `holder`, if it still has it; and notifies the subscribers
    /// ([`notifications`](Self::notifications)). All in one step.
    ///
    /// # Errors
    /// When it may not have been kept.
    fn put(
        &self,
        key: &TokenKey,
        holder: &str,
        token: &StoredToken,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends the lease of `holder`, if it still has it, and notifies the subscribers.
    ///
    /// # Errors
    /// When it may still be there; it ends by itself.
    fn release(&self, key: &TokenKey, holder: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the token of `key` if it is still `token`: an instance with an old token must not
    /// remove a newer one.
    ///
    /// # Errors
    /// When it may still be there.
    fn remove(
        &self,
        key: &TokenKey,
        token: &AccessToken,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Checks that the store works for `key`, reading and writing. By default it reads.
    ///
    /// # Errors
    /// While it does not.
    fn ping(&self, key: &TokenKey) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { self.get(key).await.map(drop) }
    }

    /// Returns the time limit of the calls for one token: once before it is waited for or fetched,
    /// and once after that. 5 s at most; defaults to 500 ms. It is called once for each cache.
    fn timeout(&self) -> Duration {
        Duration::from_millis(500)
    }

    /// Returns the notifications of the store. Without them, waiting instances poll more often. It
    /// is called once for each cache.
    fn notifications(&self) -> Option<Notifier> {
        None
    }
}

/// The result of [`TokenStore::try_lease`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct LeaseOutcome {
    /// Whether the caller may fetch.
    pub lease: Lease,
    /// The stored token.
    pub token: Option<StoredToken>,
}

/// The holder of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "stores make it")]
pub enum Lease {
    /// The caller.
    Granted,
    /// Another instance.
    Held {
        /// The time until its end, unless it is renewed.
        left: Duration,
    },
}
