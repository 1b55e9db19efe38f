//! The managed identity of a service.

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use passport_core::{AccessToken, ClientId, InvalidScope, Scopes};
use tokio::runtime::Handle;
use url::Url;

use super::{IdentityStatus, scopes::ScopedManagers, spec::IdentitySpec};
use crate::token::{Credential, TokenError, TokenManager};

/// A service's own identity at Passport: a client id, a reference to its secret, and its current
/// token.
///
/// Cheap to clone; clones share the token. Build an identity once and clone it; do not build one
/// for each request. Building does no I/O and starts no task, so a service can start while
/// Passport is unavailable, and recovers when Passport is available again. Register one identity
/// per service: Passport cannot revoke or audit the services that share an identity separately.
///
/// Tokens are fetched in tasks on the current tokio runtime, which must have its timer enabled
/// (`tokio::runtime::Builder::enable_time`). The tasks end when the last clone and the last
/// request that waits for the token are dropped.
#[derive(Clone)]
pub struct ManagedIdentity {
    /// The manager of the token for the scopes of this clone.
    pub(crate) manager: Arc<TokenManager>,
    scoped: Arc<ScopedManagers>,
}

/// The minimum and maximum time that [`ManagedIdentity::ready`] sleeps before it tries again. It
/// sleeps through a longer backoff in parts, because timers stand still while the machine is
/// suspended.
const READY_POLL: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(1);

impl ManagedIdentity {
    pub(crate) fn new(spec: IdentitySpec, scopes: Scopes) -> Self {
        let manager = spec.manager(scopes.clone());
        Self::with_manager(manager, spec, scopes)
    }

    /// Creates an identity whose default token comes from `manager`. Managers for other scopes are
    /// created from `spec`.
    pub(crate) fn with_manager(manager: TokenManager, spec: IdentitySpec, scopes: Scopes) -> Self {
        let manager = Arc::new(manager);
        let scoped = Arc::new(ScopedManagers::new(spec, scopes, Arc::clone(&manager)));
        Self { manager, scoped }
    }

    /// Returns the same identity with a token for `scopes`, which are separated by spaces.
    ///
    /// Each set of scopes has its own token, which is fetched on demand and cached. Backoff after a
    /// failure is separate for each set. The identity caches the tokens of 1,000 sets and evicts
    /// the least recently used one. [`shutdown`](Self::shutdown) applies to all sets.
    ///
    /// # Errors
    /// Returns [`InvalidScope`] if a scope is not valid
    /// ([RFC 6749, section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
    pub fn with_scopes(&self, scopes: &str) -> Result<Self, InvalidScope> {
        let scopes: Scopes = scopes.parse()?;
        Ok(Self { manager: self.scoped.manager(scopes), scoped: Arc::clone(&self.scoped) })
    }

    /// Returns the client id.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.manager.client_id
    }

    /// Returns the URL of the token endpoint. URL and client id together identify an identity.
    ///
    /// An identity [at a sidecar](Self::via_sidecar) sends no request to this URL: the sidecar
    /// fetches the tokens, from the issuer in the sidecar's configuration.
    #[must_use]
    pub fn token_url(&self) -> &Url {
        self.scoped.token_url()
    }

    /// Returns the scopes that the builder set. [`with_scopes`](Self::with_scopes) does not change
    /// them.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.scoped.default_scopes()
    }

    /// Returns a valid token: the cached one, or a new one if none is cached.
    ///
    /// [`AttachTokenLayer`](crate::AttachTokenLayer) does the same for each request. Call this
    /// method to send the token in another way.
    ///
    /// # Errors
    /// Returns a [`TokenError`] if no valid token is cached and none can be fetched, for example
    /// outside a tokio runtime. Concurrent callers share one token fetch and its error. During the
    /// backoff after a failure (see [`IdentityStatus::retry_at`]), callers get that error without
    /// waiting.
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other callers can share it.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        self.manager.token().await
    }

    /// Returns a token that is valid for at least `min_ttl`, if one can be fetched. A cached token
    /// with less time left is refreshed first, but not in the first half of its lifetime. If the
    /// refresh fails, the cached token is returned.
    ///
    /// For code that forwards tokens to other programs, which use a token for some time.
    ///
    /// # Errors
    /// Returns a [`TokenError`] like [`token`](Self::token).
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other callers can share it.
    pub async fn token_with_min_ttl(&self, min_ttl: Duration) -> Result<AccessToken, TokenError> {
        self.manager.token_with_min_ttl(min_ttl).await
    }

    /// Returns a token to use after a receiver rejected one. If `is_rejected` returns `true` for
    /// the cached token, that token is replaced first, once for all callers. A token that is only
    /// seconds old is not replaced, but returned: a new one would be rejected as well.
    ///
    /// [`AttachTokenLayer`](crate::AttachTokenLayer) replaces rejected tokens itself. This method
    /// is for code that forwards tokens to other programs.
    ///
    /// # Errors
    /// Returns a [`TokenError`] like [`token`](Self::token), and also if the rejected token cannot
    /// be replaced.
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other callers can share it.
    pub async fn replace_rejected_token(
        &self,
        is_rejected: impl FnOnce(&AccessToken) -> bool + Send,
    ) -> Result<AccessToken, TokenError> {
        self.manager.replace_rejected_token(is_rejected).await
    }

    /// Waits until a token has been fetched. Transient failures ([`TokenError::is_transient`]) are
    /// retried. Call it before the service accepts traffic, so that the first request does not wait
    /// for a token.
    ///
    /// There is no time limit: wrap it in `tokio::time::timeout` if the service should also start
    /// without a token. With [`TokenCache::disabled`](crate::TokenCache::disabled) the token is
    /// fetched and dropped.
    ///
    /// # Errors
    /// Returns a [`TokenError`] if waiting is unlikely to help, for example:
    ///
    /// - Passport rejects the token request.
    /// - The secret cannot be read, even if only because a vault is unavailable.
    /// - The identity was shut down.
    ///
    /// The identity continues to retry, except after a shutdown, so the service can start
    /// nevertheless.
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel the token fetch, because other callers can share it.
    pub async fn ready(&self) -> Result<(), TokenError> {
        loop {
            match self.manager.token().await {
                Ok(_) => return Ok(()),
                Err(error) if !error.is_transient() || Handle::try_current().is_err() => return Err(error),
                Err(_) => self.wait_for_next_attempt().await,
            }
        }
    }

    /// Waits until the backoff ends or the identity is shut down, within the bounds of
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

    /// Returns the status of the token, for health probes. Takes no lock and starts no task.
    #[must_use]
    pub fn status(&self) -> IdentityStatus {
        let snapshot = self.manager.entry.snapshot();
        let (now, manager) = (self.manager.now(), &self.manager);
        IdentityStatus::new(&snapshot, &manager.entry.clock, now, manager.life.is_cancelled())
    }

    /// Removes the cached token, so that the next call waits for a new one. The result of a running
    /// token fetch is discarded. A backoff after a failure continues.
    ///
    /// For operators, after the identity's roles have changed or its token has leaked. Do not call
    /// it after a 401: the layer replaces a rejected token itself, and limits how often it does.
    pub fn invalidate(&self) {
        self.manager.entry.invalidate();
    }

    /// Cancels the token fetches of the identity and its clones, and waits until they have ended.
    /// Other identities with the same [`TokenCache`](crate::TokenCache) are not affected.
    ///
    /// Callers that wait for a token fail with
    /// [`TokenErrorKind::ShutDown`](crate::TokenErrorKind::ShutDown). A cached token is still used
    /// until it expires; later calls fail with the same error.
    ///
    /// Waits no longer than the time limit of a token fetch, because a fetch on a stalled runtime
    /// never ends.
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

    /// Returns the cached token, the error of the last token fetch, or a future of the token. Does
    /// not wait.
    pub(crate) fn credential(&self) -> Credential {
        self.manager.credential()
    }

    /// Records that a receiver rejected the token of `generation`. Returns a newer token for a
    /// retry, or a future that fetches one. Returns `None` if the rejected token is not replaced.
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
