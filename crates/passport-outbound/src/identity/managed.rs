use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use passport_core::{AccessToken, ClientId, InvalidScope, Scopes};
use tokio::runtime::Handle;
use url::Url;

use super::{IdentityStatus, scopes::ScopedManagers, spec::IdentitySpec};
use crate::token::{Credential, TokenError, TokenManager};

/// A service's own identity at Passport: a client id, the reference of its secret, and its current
/// token.
///
/// Cheap to clone; clones share the token. Building an identity does no I/O and starts no task, so
/// a service starts while Passport is down, and recovers when Passport is back. Create one identity
/// for each service that calls: a shared identity can neither be revoked nor audited by service.
/// Build it once and clone it, not for each request.
///
/// Tokens are fetched in tasks of the current tokio runtime, which needs its timer
/// (`tokio::runtime::Builder::enable_time`).
///
/// The tasks of an identity end when its last clone and the last request that waits for its token
/// are dropped.
#[derive(Clone)]
pub struct ManagedIdentity {
    /// The manager of its scopes.
    pub(crate) manager: Arc<TokenManager>,
    scoped: Arc<ScopedManagers>,
}

/// The time between two attempts of [`ManagedIdentity::ready`], so that a sleep of the machine does
/// not prolong the wait.
const READY_POLL: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(1);

impl ManagedIdentity {
    pub(crate) fn new(spec: IdentitySpec, scopes: Scopes) -> Self {
        let manager = spec.manager(scopes.clone());
        Self::with_manager(manager, spec, scopes)
    }

    /// Returns an identity whose default scopes are those of `manager`.
    pub(crate) fn with_manager(manager: TokenManager, spec: IdentitySpec, scopes: Scopes) -> Self {
        let manager = Arc::new(manager);
        let scoped = Arc::new(ScopedManagers::new(spec, scopes, Arc::clone(&manager)));
        Self { manager, scoped }
    }

    /// Returns the same identity with a token for `scopes`, which are separated by spaces.
    ///
    /// Each set of scopes has its own token, which is fetched on demand and cached: the same scopes
    /// return the same token. Pauses after a failure are separate for each set. The identity keeps
    /// tokens for 1,000 sets and evicts the least recently used one. A [`shutdown`](Self::shutdown)
    /// applies to all sets.
    ///
    /// # Errors
    /// When `scopes` are not valid.
    pub fn with_scopes(&self, scopes: &str) -> Result<Self, InvalidScope> {
        let scopes: Scopes = scopes.parse()?;
        Ok(Self { manager: self.scoped.manager(scopes), scoped: Arc::clone(&self.scoped) })
    }

    /// Returns the client id.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.manager.client_id
    }

    /// Returns the URL of token requests. Together with the client id it tells identities apart.
    ///
    /// An identity [at a sidecar](Self::via_sidecar) sends no request to it: the sidecar requests
    /// the tokens, from the issuer of its own configuration.
    #[must_use]
    pub fn token_url(&self) -> &Url {
        self.scoped.token_url()
    }

    /// Returns the default scopes.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.scoped.default_scopes()
    }

    /// Returns a token that may be sent now: the cached one, or a new one if there is none.
    ///
    /// Layers call this themselves. It is for code that calls a service in another way.
    ///
    /// # Errors
    /// When there is no live token and none can be had; outside of a tokio runtime, for example.
    /// All callers that wait share one attempt and its error; for a while after it (see
    /// [`IdentityStatus::next_attempt_at`]) callers get that error at once.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        self.manager.token().await
    }

    /// Returns a token with at least `life` left, if one can be fetched. A cached token with less
    /// is refreshed first, but not in the first half of its life. If the refresh fails, the cached
    /// token is returned.
    ///
    /// For code that forwards tokens to others, and so is not called for each request.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn token_with_min_ttl(&self, life: Duration) -> Result<AccessToken, TokenError> {
        self.manager.token_with_min_ttl(life).await
    }

    /// Returns a token to replace one that a receiver rejected. The cached token is replaced if
    /// `is_refused` returns true for it: once for all callers, and not in its first seconds.
    ///
    /// Layers call this themselves. It is for code that forwards tokens to others.
    ///
    /// # Errors
    /// As [`token`](Self::token), also when no other token can be had.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn replace_rejected_token(
        &self,
        is_refused: impl FnOnce(&AccessToken) -> bool + Send,
    ) -> Result<AccessToken, TokenError> {
        self.manager.replace_rejected_token(is_refused).await
    }

    /// Waits until there is a token, through failures that are transient
    /// ([`TokenError::is_transient`]). A service that calls it before it accepts traffic does not
    /// delay its first caller.
    ///
    /// There is no time limit; use `tokio::time::timeout` if the service is to start without a
    /// token. With [`TokenCache::disabled`](crate::TokenCache::disabled) it fetches a token and
    /// drops it.
    ///
    /// # Errors
    /// When waiting is not likely to help: Passport refuses, the secret cannot be read (a vault
    /// that is down included), the identity was shut down. Do not end a service for it that is to
    /// start anyway: the identity tries again.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn ready(&self) -> Result<(), TokenError> {
        loop {
            match self.manager.token().await {
                Ok(_) => return Ok(()),
                Err(error) if !error.is_transient() || Handle::try_current().is_err() => return Err(error),
                Err(_) => self.pause().await,
            }
        }
    }

    /// Waits until the next attempt is allowed, or the identity is shut down.
    async fn pause(&self) {
        let now = self.manager.now();
        let until = self.manager.entry.snapshot().paused_until(now);
        let left = until.and_then(|until| until.duration_since(now).ok()).unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(left.clamp(*READY_POLL.start(), *READY_POLL.end())) => {}
            () = self.manager.life.cancelled() => {}
        }
    }

    /// Returns the status, for a health probe. Takes no lock and starts no task.
    #[must_use]
    pub fn status(&self) -> IdentityStatus {
        let snapshot = self.manager.entry.snapshot();
        let (now, manager) = (self.manager.now(), &self.manager);
        IdentityStatus::new(&snapshot, &manager.entry.clock, now, manager.life.is_cancelled())
    }

    /// Removes the token, so that the next call waits for a new one. The result of a running
    /// attempt is discarded.
    ///
    /// For operators: the identity's roles have changed, or its token has leaked. A request that
    /// was rejected with 401 does not need it: the layer replaces the token, in a way that one
    /// receiver cannot turn into a storm. A pause after a failure continues.
    pub fn invalidate(&self) {
        self.manager.entry.invalidate();
    }

    /// Ends all tasks of the identity and waits until they have ended. A cached token is sent until
    /// it expires. After that, and for callers that are waiting now, calls fail with
    /// [`TokenErrorKind::ShutDown`](crate::TokenErrorKind::ShutDown).
    ///
    /// It waits no longer than an attempt may take: an attempt on a stalled runtime does not end.
    ///
    /// Clones are shut down as well. Identities that share a [`TokenCache`](crate::TokenCache) are
    /// not.
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

    /// Returns the token, without waiting for it.
    pub(crate) fn credential(&self) -> Credential {
        self.manager.credential()
    }

    /// Reports that a receiver rejected the token of `generation`. Returns a newer one, if a retry
    /// is useful.
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
