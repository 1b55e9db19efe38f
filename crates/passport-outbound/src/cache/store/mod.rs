//! The trait of shared stores, and access to a store through sessions and a circuit breaker. The
//! protocol of the instances that use a store is in `cache/shared`.

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

/// A store in which the instances of a service share tokens, so that one token request serves
/// all instances. Pass the store to [`TokenCache::shared`](crate::TokenCache::shared).
///
/// An implementation only stores tokens and leases. This crate decides when to call the store,
/// when to wait, and when to continue without the store. If the store fails, or takes longer
/// than [`timeout`](Self::timeout), the call counts as a cache miss, never as an outage. After
/// that, the store is not called until a [`ping`](Self::ping) succeeds.
///
/// A process that reads a stored token can act as the service until the token expires, so a
/// store should encrypt tokens. The store of `passport-redis` encrypts them.
///
/// ```
/// use std::{
///     collections::HashMap,
///     sync::Mutex,
///     time::{Duration, SystemTime},
/// };
///
/// use passport_outbound::{
///     AccessToken, Lease, LeaseOutcome, StoreError, StoredToken, TokenKey, TokenStore,
/// };
///
/// /// A store for a single instance.
/// #[derive(Debug, Default)]
/// struct SingleInstance(Mutex<HashMap<TokenKey, StoredToken>>);
///
/// impl TokenStore for SingleInstance {
///     async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
///         let tokens = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         let is_valid = |stored: &&StoredToken| SystemTime::now() < stored.token().expires_at();
///         Ok(tokens.get(key).filter(is_valid).cloned())
///     }
///
///     async fn try_lease(
///         &self,
///         key: &TokenKey,
///         _: &str,
///         _: Duration,
///     ) -> Result<LeaseOutcome, StoreError> {
///         let token = self.get(key).await?;
///         Ok(LeaseOutcome { lease: Lease::Granted, token }) // there is no other instance
///     }
///
///     async fn put(
///         &self,
///         key: &TokenKey,
///         _: &str,
///         token: &StoredToken,
///     ) -> Result<(), StoreError> {
///         let mut tokens = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         let stored = tokens.entry(key.clone()).or_insert_with(|| token.clone());
///         if stored.token().expires_at() < token.token().expires_at() {
///             *stored = token.clone();
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
///         if tokens.get(key).is_some_and(|stored| stored.token().expose() == token.expose()) {
///             tokens.remove(key);
///         }
///         Ok(())
///     }
/// }
/// ```
///
/// # Cancel safety
/// The future of a call is dropped when the time limit is over, and at a shutdown. The store
/// must stay consistent whether or not the call has taken effect.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a token store",
    label = "expected a type that implements `TokenStore`",
    note = "implement `TokenStore`, or pass the `RedisTokenStore` of the crate `passport-redis` by value"
)]
pub trait TokenStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the stored token for `key`. `None` if no token is stored, or if the stored token has
    /// expired.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, key: &TokenKey) -> impl Future<Output = Result<Option<StoredToken>, StoreError>> + Send;

    /// Requests the lease for `key`, which allows only `holder` to fetch a token. In the same
    /// atomic step, reads the stored token. Returns both results.
    ///
    /// The lease ends after the duration `time`, or when `holder` calls [`put`](Self::put) or
    /// [`release`](Self::release). If `holder` already holds the lease, the call renews the lease:
    /// it then ends after the duration `time` from now.
    ///
    /// # Errors
    /// When it is unknown whether the lease was granted.
    fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> impl Future<Output = Result<LeaseOutcome, StoreError>> + Send;

    /// Does all of this in one atomic step:
    /// - Stores `token` for `key` until it expires, unless a token with a later expiry is stored.
    /// - Ends the lease for `key` if `holder` holds it.
    /// - Notifies the waiting instances ([`notifications`](Self::notifications)).
    ///
    /// # Errors
    /// When the token was not stored, or when it is unknown whether the token was stored.
    fn put(
        &self,
        key: &TokenKey,
        holder: &str,
        token: &StoredToken,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends the lease for `key` if `holder` holds it, and notifies the waiting instances.
    ///
    /// # Errors
    /// When the lease has not ended, or when it is unknown whether the lease has ended. The lease
    /// then expires by itself.
    fn release(&self, key: &TokenKey, holder: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the stored token for `key` if it is equal to `token`. If another token is stored,
    /// does nothing. The comparison is required: an instance with an old token must not remove a
    /// newer token.
    ///
    /// # Errors
    /// When the token was not removed, or when it is unknown whether the token was removed.
    fn remove(
        &self,
        key: &TokenKey,
        token: &AccessToken,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Checks that the token for `key` can be read and written. After a failure, the store is not
    /// called again until this check succeeds. The default implementation only reads.
    ///
    /// # Errors
    /// While the store cannot be read or written.
    fn ping(&self, key: &TokenKey) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { self.get(key).await.map(drop) }
    }

    /// Returns the total time limit of all calls for one token. The time limit restarts after each
    /// wait for another instance, and after the token fetch. Defaults to 500 ms; values over 5 s
    /// count as 5 s.
    ///
    /// This method is called once for each cache.
    fn timeout(&self) -> Duration {
        Duration::from_millis(500)
    }

    /// Returns the notifier by which the store wakes instances that wait for a token or a lease.
    /// Defaults to `None`: waiting instances poll the store more often.
    ///
    /// This method is called once for each cache.
    fn notifications(&self) -> Option<Notifier> {
        None
    }
}

/// The result of [`TokenStore::try_lease`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "implementations of stores create it")]
pub struct LeaseOutcome {
    /// Whether the lease was granted to the `holder` that requested it.
    pub lease: Lease,
    /// The stored token. `None` if no token is stored, or if the stored token has expired.
    pub token: Option<StoredToken>,
}

/// Whether a lease was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "implementations of stores create it")]
pub enum Lease {
    /// The requesting `holder` has the lease, and is allowed to fetch a token.
    Granted,
    /// Another holder has the lease.
    Held {
        /// The time until the lease expires, unless the other holder renews the lease.
        left: Duration,
    },
}
