use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use passport_core::{AccessToken, ClientId, InvalidScope, Scopes};
use tokio::runtime::Handle;
use url::Url;

use super::{IdentityStatus, scopes::ScopedManagers, spec::IdentitySpec};
use crate::token::{Credential, TokenError, TokenManager};

/// A service's own identity at Passport: a client id, the place of its secret, and the token it has
/// now.
///
/// Cheap to clone; clones share the token. Building one does no I/O and starts nothing, so a
/// service starts while Passport is down, and heals when it is back. Make one for each service that
/// calls: a shared identity can neither be revoked nor audited by service. Build it once and clone
/// it, not for each request.
///
/// It fetches tokens in tasks of the tokio runtime it is used on, which needs its timer
/// (`tokio::runtime::Builder::enable_time`).
///
/// With the last clone, and the last request that waits for its token, everything ends that it has
/// started.
#[derive(Clone, Debug)]
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

    /// The same identity, with a token for `scopes`, which are separated by spaces.
    ///
    /// Each set of scopes has a token of its own, which is fetched when it is needed and kept as
    /// this one's is: ask for the same scopes again, and there is the same token. Pauses after a
    /// failure are each set's own, too. There is room for 1,000 sets; that which was not used for
    /// the longest time makes room. A [`shutdown`](Self::shutdown) of one is the end of all.
    ///
    /// # Errors
    /// When `scopes` are not valid.
    pub fn with_scopes(&self, scopes: &str) -> Result<Self, InvalidScope> {
        let scopes: Scopes = scopes.parse()?;
        Ok(Self { manager: self.scoped.manager(scopes), scoped: Arc::clone(&self.scoped) })
    }

    /// The client id.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.manager.client_id
    }

    /// What it asks for unless told otherwise.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.scoped.default_scopes()
    }

    /// A token that may be sent now: the kept one, or a new one if there is none.
    ///
    /// Layers do this by themselves; it is for code that speaks to a service in another way.
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

    /// A token with `life` left at least, if one can be had: if the kept one has less, it is
    /// refreshed first, though not in the first half of its life. If the refresh fails, it is the
    /// kept one. For whoever hands tokens on, and so is not asked for each call.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn token_for(&self, life: Duration) -> Result<AccessToken, TokenError> {
        self.manager.token_for(life).await
    }

    /// A token in the place of the one that a receiver has refused, if that is still the kept one:
    /// it is replaced once for all who say so, and not in its first seconds. What a layer does by
    /// itself; it is for whoever hands tokens on.
    ///
    /// # Errors
    /// As [`token`](Self::token), also when no other token can be had.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn token_after_refusal(
        &self,
        is_refused: impl FnOnce(&AccessToken) -> bool + Send,
    ) -> Result<AccessToken, TokenError> {
        self.manager.token_after_refusal(is_refused).await
    }

    /// Warms up: waits until there is a token, and sits out what may pass by itself
    /// ([`TokenError::is_transient`]). A service that calls it before it takes traffic has no first
    /// caller who waits.
    ///
    /// There is no limit of time; wrap it in `tokio::time::timeout` if the service is to start
    /// anyway. With [`TokenCache::disabled`](crate::TokenCache::disabled) it fetches a token and
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

    /// How things stand, for a health probe. Takes no lock and starts nothing.
    #[must_use]
    pub fn status(&self) -> IdentityStatus {
        let snapshot = self.manager.entry.snapshot();
        let (now, manager) = (self.manager.now(), &self.manager);
        IdentityStatus::new(&snapshot, &manager.entry.clock, now, manager.life.is_cancelled())
    }

    /// Forgets the token; the next call waits for a new one. What a running attempt brings is not
    /// used any more.
    ///
    /// For operators: the identity's roles have changed, or its token has leaked. It is not for a
    /// request that was refused with 401 (the layer deals with that, and in a way that one receiver
    /// cannot make a storm), and it does not end the pause after a failure.
    pub fn invalidate(&self) {
        self.manager.entry.invalidate();
    }

    /// Ends what was started and waits until it has ended. Nothing is started any more: a token
    /// that is held is sent until it expires; then, and at once for who waits now, calls fail with
    /// [`TokenErrorKind::ShutDown`](crate::TokenErrorKind::ShutDown).
    ///
    /// It waits for as long as an attempt may take at most: one that sits on a runtime that nobody
    /// drives does not end.
    ///
    /// Clones are shut down with it. Identities that share a [`TokenCache`](crate::TokenCache) with
    /// it are not.
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

    /// Returns the client id and the token URL, which tell identities apart.
    pub(crate) fn client_at(&self) -> (ClientId, Url) {
        (self.manager.client_id.clone(), self.scoped.token_url().clone())
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

#[cfg(test)]
mod tests;
