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
pub use self::{error::StoreError, notifier::WakeUps, stored_token::StoredToken};

/// Where a fleet shares tokens, so that all its instances make one token request. See
/// [`TokenCache::shared`](crate::TokenCache::shared).
///
/// A store is dumb: it keeps what it is given. What to do with it, when to wait and when to give up
/// is decided here, for every store alike. A store that fails, or takes longer than
/// [`limit`](Self::limit), is a miss, never an outage: it is left alone then until it answers a
/// [`probe`](Self::probe).
///
/// Whoever reads a store can be the service until the token expires: it should encrypt what it
/// keeps. That of `passport-redis` does.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex, time::{Duration, SystemTime}};
///
/// use passport_outbound::{AccessToken, Lease, Leased, StoreError, StoredToken, TokenKey, TokenStore};
///
/// /// A fleet of one: it shows what is asked of a store, and shares with nobody.
/// #[derive(Debug, Default)]
/// struct Lonely(Mutex<HashMap<TokenKey, StoredToken>>);
///
/// impl TokenStore for Lonely {
///     async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
///         let tokens = self.0.lock().map_err(|_| StoreError::new("poisoned"))?;
///         Ok(tokens.get(key).filter(|kept| SystemTime::now() < kept.token().expires_at()).cloned())
///     }
///
///     async fn try_lease(&self, key: &TokenKey, _: &str, _: Duration) -> Result<Leased, StoreError> {
///         let token = self.get(key).await?;
///         Ok(Leased { lease: Lease::Granted, token }) // there is nobody else
///     }
///
///     async fn publish(&self, key: &TokenKey, _: &str, token: &StoredToken) -> Result<(), StoreError> {
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
    /// The token that is kept for `key`, if there is one that has not expired.
    ///
    /// # Errors
    /// When the store cannot say.
    fn get(&self, key: &TokenKey) -> impl Future<Output = Result<Option<StoredToken>, StoreError>> + Send;

    /// Lets `holder` alone fetch a token for `key`, until it says [`publish`](Self::publish) or
    /// [`release`](Self::release), or `time` has passed. The holder of a lease has it prolonged to
    /// `time` from now. In the same step, the token that is kept.
    ///
    /// # Errors
    /// When the store cannot say.
    fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> impl Future<Output = Result<Leased, StoreError>> + Send;

    /// Keeps `token` for `key` until it expires, unless one is kept that expires later; ends the
    /// lease of `holder`, if it has one still; and tells those who wait
    /// ([`wake_ups`](Self::wake_ups)). All in one step.
    ///
    /// # Errors
    /// When it may not have been kept.
    fn publish(
        &self,
        key: &TokenKey,
        holder: &str,
        token: &StoredToken,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends the lease of `holder`, if it has one still, and tells those who wait.
    ///
    /// # Errors
    /// When it may still be there; it ends by itself.
    fn release(&self, key: &TokenKey, holder: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Forgets the token of `key` if it is still `token`: a stale instance must not take a newer
    /// one away.
    ///
    /// # Errors
    /// When it may still be there.
    fn remove(
        &self,
        key: &TokenKey,
        token: &AccessToken,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the store works again for `key`: reading and writing. By default whether it can be
    /// read.
    ///
    /// # Errors
    /// While it does not.
    fn probe(&self, key: &TokenKey) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { self.get(key).await.map(drop) }
    }

    /// The most that the store may take for what it is asked in one go: before a call waits for
    /// somebody else's token or has its own fetched, and once more after it. 5 s at most; defaults
    /// to 500 ms.
    fn limit(&self) -> Duration {
        Duration::from_millis(500)
    }

    /// Where the store tells that there is news of a token. Without it those who wait look more
    /// often.
    fn wake_ups(&self) -> Option<WakeUps> {
        None
    }
}

/// What [`TokenStore::try_lease`] found.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct Leased {
    /// Whether whoever asked may fetch.
    pub lease: Lease,
    /// The token that is kept.
    pub token: Option<StoredToken>,
}

/// Who may fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "stores make it")]
pub enum Lease {
    /// Whoever asked.
    Granted,
    /// Somebody else.
    Held {
        /// How long yet, unless it is prolonged.
        left: Duration,
    },
}
