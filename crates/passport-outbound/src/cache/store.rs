use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use passport_core::AccessToken;

use super::TokenKey;

/// Where a fleet shares tokens, so that all its instances make one token request. See
/// [`TokenCache::shared`](crate::TokenCache::shared).
///
/// A store is dumb: it keeps what it is given. What to do with it, when to wait and when to give up is decided here, for
/// every store alike. A store that fails is a miss, never an outage; it has half a second for each call.
///
/// Whoever reads a store can be the service until the token expires: it should encrypt what it keeps.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex, time::Duration};
///
/// use passport_outbound::{AccessToken, StoreError, StoredToken, TokenKey, TokenStore};
///
/// /// A fleet of one: it shows what is asked of a store, and shares with nobody.
/// #[derive(Debug, Default)]
/// struct Lonely(Mutex<HashMap<TokenKey, StoredToken>>);
///
/// impl TokenStore for Lonely {
///     async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
///         let tokens = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         Ok(tokens.get(key).cloned())
///     }
///
///     async fn put(&self, key: &TokenKey, token: &StoredToken) -> Result<(), StoreError> {
///         let mut tokens = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         let kept = tokens.entry(key.clone()).or_insert_with(|| token.clone());
///         if kept.token().expires_at() < token.token().expires_at() {
///             *kept = token.clone();
///         }
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
///
///     async fn try_lease(&self, _: &TokenKey, _: &str, _: Duration) -> Result<bool, StoreError> {
///         Ok(true) // there is nobody else
///     }
///
///     async fn release(&self, _: &TokenKey, _: &str) -> Result<(), StoreError> {
///         Ok(())
///     }
/// }
/// ```
///
/// # Cancel safety
/// A call that takes longer than half a second, or that is running at a shutdown, is dropped; it may then have taken effect
/// or not.
pub trait TokenStore: fmt::Debug + Send + Sync + 'static {
    /// The token that is kept for `key`, if there is one that has not expired.
    ///
    /// # Errors
    /// When the store cannot say.
    fn get(&self, key: &TokenKey) -> impl Future<Output = Result<Option<StoredToken>, StoreError>> + Send;

    /// Keeps `token` for `key` until it expires. One that expires later stays.
    ///
    /// # Errors
    /// When it may not have been kept.
    fn put(&self, key: &TokenKey, token: &StoredToken)
    -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets the token of `key` if it is still `token`: a stale instance must not take a newer one away.
    ///
    /// # Errors
    /// When it may still be there.
    fn remove(
        &self,
        key: &TokenKey,
        token: &AccessToken,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lets `holder` alone fetch a token for `key`, until it says [`TokenStore::release`] or `time` (the request timeout) has
    /// passed. False if somebody else does; true for a holder that has the lease already.
    ///
    /// # Errors
    /// When the store cannot say.
    fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends the lease of `holder` on `key`, if it has one still.
    ///
    /// # Errors
    /// When it may still be there; it ends by itself.
    fn release(&self, key: &TokenKey, holder: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A token as a fleet shares it.
#[derive(Clone, Debug)]
pub struct StoredToken {
    token: AccessToken,
    minted_at: SystemTime,
}

impl StoredToken {
    /// A token whose life began at `minted_at`. When it ends, it says itself ([`AccessToken::expires_at`]).
    #[must_use]
    pub fn new(token: AccessToken, minted_at: SystemTime) -> Self {
        Self { token, minted_at }
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.token
    }

    /// When its life began, by the clock of the instance that fetched it.
    #[must_use]
    pub fn minted_at(&self) -> SystemTime {
        self.minted_at
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.token.expires_at().duration_since(self.minted_at).unwrap_or_default()
    }
}

/// A store that did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the token store failed: {problem}")]
pub struct StoreError {
    problem: &'static str,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// What went wrong, in a fixed text: it is logged.
    #[must_use]
    pub fn new(problem: &'static str) -> Self {
        Self { problem, source: None }
    }

    /// The same, with what caused it. Mind that the cause is logged: it must not hold a token.
    #[must_use]
    pub fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}

/// How long a store may take for a call.
pub(super) const LIMIT: Duration = Duration::from_millis(500);

type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The object-safe twin of [`TokenStore`].
trait DynTokenStore: fmt::Debug + Send + Sync {
    fn get_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, Option<StoredToken>>;
    fn put_dyn<'a>(&'a self, key: &'a TokenKey, token: &'a StoredToken) -> StoreFuture<'a, ()>;
    fn remove_dyn<'a>(&'a self, key: &'a TokenKey, token: &'a AccessToken) -> StoreFuture<'a, ()>;
    fn try_lease_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        time: Duration,
    ) -> StoreFuture<'a, bool>;
    fn release_dyn<'a>(&'a self, key: &'a TokenKey, holder: &'a str) -> StoreFuture<'a, ()>;
}

impl<S: TokenStore> DynTokenStore for S {
    fn get_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, Option<StoredToken>> {
        Box::pin(self.get(key))
    }

    fn put_dyn<'a>(&'a self, key: &'a TokenKey, token: &'a StoredToken) -> StoreFuture<'a, ()> {
        Box::pin(self.put(key, token))
    }

    fn remove_dyn<'a>(&'a self, key: &'a TokenKey, token: &'a AccessToken) -> StoreFuture<'a, ()> {
        Box::pin(self.remove(key, token))
    }

    fn try_lease_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        time: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(self.try_lease(key, holder, time))
    }

    fn release_dyn<'a>(&'a self, key: &'a TokenKey, holder: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(self.release(key, holder))
    }
}

/// A handle to a [`TokenStore`] that keeps it to its time.
#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<dyn DynTokenStore>);

impl Store {
    pub(crate) fn new(store: impl TokenStore) -> Self {
        Self(Arc::new(store))
    }

    pub(crate) async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        in_time(self.0.get_dyn(key)).await
    }

    pub(crate) async fn put(&self, key: &TokenKey, token: &StoredToken) -> Result<(), StoreError> {
        in_time(self.0.put_dyn(key, token)).await
    }

    pub(crate) async fn remove(&self, key: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
        in_time(self.0.remove_dyn(key, token)).await
    }

    pub(crate) async fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> Result<bool, StoreError> {
        in_time(self.0.try_lease_dyn(key, holder, time)).await
    }

    pub(crate) async fn release(&self, key: &TokenKey, holder: &str) -> Result<(), StoreError> {
        in_time(self.0.release_dyn(key, holder)).await
    }
}

async fn in_time<T>(answer: StoreFuture<'_, T>) -> Result<T, StoreError> {
    tokio::time::timeout(LIMIT, answer)
        .await
        .unwrap_or_else(|late| Err(StoreError::new("it did not answer in time").caused_by(late)))
}
