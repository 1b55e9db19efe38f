//! The managed identity of a service.

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use passport_core::{AccessToken, ClientId, InvalidScope, Scopes};
use tokio::runtime::Handle;
use url::Url;

use super::{IdentityStatus, scopes::ScopedManagers, spec::IdentitySpec};
use crate::token::{Credential, TokenError, TokenManager};

/// A service's own identity at Passport: a client id, a reference to the client secret, and the
/// current token.
///
/// Cheap to clone; clones share the token. Build an identity once and clone it; do not build an
/// identity for each request. Building does no I/O and starts no task. So a service can start
/// while Passport is unavailable, and recovers when Passport is available again.
///
/// Register one identity per service. If several services share an identity, Passport cannot
/// revoke or audit each service separately.
///
/// Tokens are fetched in tasks on the current tokio runtime, which must have its timer enabled
/// (`tokio::runtime::Builder::enable_time`). The tasks end when the last clone of the identity
/// and the last request that waits for a token are dropped.
#[derive(Clone)]
pub struct ManagedIdentity {
    /// The token manager for the scopes of this clone.
    pub(crate) manager: Arc<TokenManager>,
    scoped: Arc<ScopedManagers>,
}

/// The minimum and maximum time that [`ManagedIdentity::ready`] sleeps before it tries again. If
/// the backoff is longer, `ready` sleeps several times, because timers stand still while the
/// machine is suspended.
const READY_POLL: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(1);

impl ManagedIdentity {
    pub(crate) fn new(spec: IdentitySpec, scopes: Scopes) -> Self {
        let manager = spec.manager(scopes.clone());
        Self::with_manager(manager, spec, scopes)
    }

    /// Creates an identity whose tokens for `scopes` come from `manager`. For other scopes,
    /// managers are created from `spec`.
    pub(crate) fn with_manager(manager: TokenManager, spec: IdentitySpec, scopes: Scopes) -> Self {
        let manager = Arc::new(manager);
        let scoped = Arc::new(ScopedManagers::new(spec, scopes, Arc::clone(&manager)));
        Self { manager, scoped }
    }

    /// Returns a clone of the identity that uses a token for `scopes`, which are separated by
    /// spaces. Fetches nothing.
    ///
    /// Each set of scopes has its own token, which is fetched when it is needed and then cached.
    /// The backoff after a failed fetch applies only to the set of that fetch. In addition to the
    /// builder's scopes, the identity caches the tokens of 1,000 sets; if there are more, the least
    /// recently used set is evicted. [`shutdown`](Self::shutdown) applies to all sets.
    ///
    /// # Errors
    /// Returns [`InvalidScope`] if a scope is not valid
    /// ([RFC 6749, section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
    pub fn with_scopes(&self, scopes: &str) -> Result<Self, InvalidScope> {
        let scopes: Scopes = scopes.parse()?;
        Ok(Self { manager: self.scoped.manager(scopes), scoped: Arc::clone(&self.scoped) })
    }

    /// Returns the client id of the identity.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.manager.client_id
    }

    /// Returns the URL of the token endpoint. The URL and the client id together identify an
    /// identity.
    ///
    /// An identity [at a sidecar](Self::via_sidecar) sends no request to this URL. The sidecar
    /// fetches the tokens, from the issuer that is set in the configuration of the sidecar.
    #[must_use]
    pub fn token_url(&self) -> &Url {
        self.scoped.token_url()
    }

    /// Returns the scopes that the builder set, also on a clone that
    /// [`with_scopes`](Self::with_scopes) returned.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.scoped.default_scopes()
    }

    /// Returns the cached token if it is valid. Otherwise fetches a new token.
    ///
    /// [`AttachTokenLayer`](crate::AttachTokenLayer) does the same for each request. Call this
    /// method only to send a token without the layer.
    ///
    /// # Errors
    /// Returns a [`TokenError`] if no valid token is cached and no token can be fetched, for
    /// example outside a tokio runtime. Concurrent calls share one token fetch and its error.
    /// During the backoff after a failed fetch (see [`IdentityStatus::retry_at`]), calls return the
    /// error of that fetch immediately.
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other requests can wait for the
    /// same fetch.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        self.manager.token().await
    }

    /// Returns a token that is valid for at least `min_ttl`, if possible:
    ///
    /// - If the cached token is valid for at least `min_ttl`, returns the cached token.
    /// - If the cached token is valid for a shorter time, but still in the first half of its
    ///   lifetime, returns the cached token nevertheless.
    /// - If the cached token is valid for a shorter time and in the second half of its lifetime,
    ///   fetches a new token. If the fetch fails, returns the cached token.
    /// - If no valid token is cached, fetches a token. The fetched token can be valid for less than
    ///   `min_ttl`.
    ///
    /// For code that gives tokens to other programs, which use a token for some time.
    ///
    /// # Errors
    /// Returns a [`TokenError`] like [`token`](Self::token).
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other requests can wait for the
    /// same fetch.
    pub async fn token_with_min_ttl(&self, min_ttl: Duration) -> Result<AccessToken, TokenError> {
        self.manager.token_with_min_ttl(min_ttl).await
    }

    /// Returns a token to use after a receiver rejected one. If `is_rejected` returns `true` for
    /// the cached token, a new token is fetched first; concurrent calls share that fetch. If the
    /// cached token is only seconds old (up to 5 min, after rejected replacements), it is returned
    /// although it was rejected: a new one would probably be rejected as well.
    ///
    /// [`AttachTokenLayer`](crate::AttachTokenLayer) replaces rejected tokens itself. This method
    /// is for code that gives tokens to other programs.
    ///
    /// # Errors
    /// Returns a [`TokenError`] like [`token`](Self::token), and also if the rejected token cannot
    /// be replaced.
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other requests can wait for the
    /// same fetch.
    pub async fn replace_rejected_token(
        &self,
        is_rejected: impl FnOnce(&AccessToken) -> bool + Send,
    ) -> Result<AccessToken, TokenError> {
        self.manager.replace_rejected_token(is_rejected).await
    }

    /// Waits until a valid token is available, and fetches one if none is cached. Retries after
    /// transient failures ([`TokenError::is_transient`]). Call `ready` before the service accepts
    /// traffic, so that the first request does not wait for a token.
    ///
    /// There is no time limit. If the service should also start without a token, wrap the call in
    /// `tokio::time::timeout`. With [`TokenCache::disabled`](crate::TokenCache::disabled), a token
    /// is fetched and then dropped.
    ///
    /// # Errors
    /// Returns a [`TokenError`] if waiting is unlikely to help, for example:
    ///
    /// - Passport rejects the token request.
    /// - The secret cannot be read, even if only because a vault is unavailable.
    /// - The identity was shut down.
    ///
    /// After such an error, the service can start nevertheless: later requests fetch a token again,
    /// except after a shutdown.
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other requests can wait for the
    /// same fetch.
    pub async fn ready(&self) -> Result<(), TokenError> {
        loop {
            match self.manager.token().await {
                Ok(_) => return Ok(()),
                Err(error) if !error.is_transient() || Handle::try_current().is_err() => return Err(error),
                Err(_) => self.wait_for_next_attempt().await,
            }
        }
    }

    /// Waits until the backoff ends or the identity is shut down, but sleeps for a time within
    /// [`READY_POLL`].
    async fn wait_for_next_attempt(&self) {
        let now = self.manager.now();
        let until = self.manager.entry.snapshot().paused_until(now);
        let left = until.and_then(|until| until.duration_since(now).ok()).unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(left.clamp(*READY_POLL.start(), *READY_POLL.end())) => {}
            () = self.manager.life.cancelled() => {}
        }
    }

    /// Returns the status of this identity's token and of its last token fetch, for health probes.
    /// Takes no lock and starts no task.
    #[must_use]
    pub fn status(&self) -> IdentityStatus {
        let snapshot = self.manager.entry.snapshot();
        let (now, manager) = (self.manager.now(), &self.manager);
        IdentityStatus::new(&snapshot, &manager.entry.clock, now, manager.life.is_cancelled())
    }

    /// Removes the cached token, so that the next request waits for a new one. The result of a
    /// running token fetch is discarded. If a backoff after a failed fetch is active, it continues.
    ///
    /// For operators, after the identity's roles have changed or its token has leaked. Do not call
    /// `invalidate` after a 401: the layer replaces a rejected token itself, and limits how often
    /// it replaces one.
    pub fn invalidate(&self) {
        self.manager.entry.invalidate();
    }

    /// Cancels the token fetches of the identity and its clones, and waits until they have ended.
    /// Other identities with the same [`TokenCache`](crate::TokenCache) are not affected.
    ///
    /// Requests that wait for a token fail with
    /// [`TokenErrorKind::ShutDown`](crate::TokenErrorKind::ShutDown). Later requests use the cached
    /// token until it expires, and then fail with the same error.
    ///
    /// Waits no longer than the time limit of one token fetch, because a fetch on a stalled tokio
    /// runtime never ends. Outside a tokio runtime, the wait has no time limit.
    ///
    /// # Cancel safety
    /// Dropping the future does not undo the shutdown.
    pub async fn shutdown(&self) {
        self.manager.life.cancel();
        self.manager.attempts.close();
        let ended = self.manager.attempts.wait();
        match Handle::try_current() {
            Ok(_) => drop(tokio::time::timeout(self.manager.attempt_timeout, ended).await),
            Err(_) => ended.await,
        }
    }

    /// Returns the token for one request, without waiting:
    ///
    /// - the cached token, if it is valid;
    /// - the error of the last token fetch, during the backoff after it;
    /// - otherwise a future that waits for a token fetch.
    pub(crate) fn credential(&self) -> Credential {
        self.manager.credential()
    }

    /// Replaces the token of `generation`, which a receiver rejected. Returns one of these:
    ///
    /// - the newer token, if the token was replaced already;
    /// - a future that waits for the fetch of a newer token;
    /// - the error of the last token fetch, if the token was replaced already and the newer one is
    ///   no longer valid;
    /// - `None`, if the rejected token is not replaced.
    pub(crate) fn replace_rejected(&self, generation: u64) -> Option<Credential> {
        self.manager.replace_rejected(generation)
    }
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentity").field("client_id", self.client_id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
