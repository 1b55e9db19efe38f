//! The validated settings of an identity, and the construction of its token managers.

use std::{sync::Arc, time::Duration};

use passport_core::{ClientAuthentication, ClientId, Scopes, SecretSource, SharedClock, Transport};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    TokenCache,
    cache::{Coordinator, TokenKey, store_time_limit},
    sources::{ClientCredentials, SidecarSource},
    token::{RefreshSettings, TokenEntry, TokenManager, TokenSource},
};

/// The validated settings of an identity. All sets of scopes of the identity share these
/// settings.
pub(crate) struct IdentitySpec {
    pub(crate) client_id: ClientId,
    /// The client secret. `None` for an identity at a sidecar, because the sidecar has the secret.
    pub(crate) secret: Option<SecretSource>,
    pub(crate) token_url: Url,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) transport: Transport,
    pub(crate) request_timeout: Duration,
    pub(crate) policy: RefreshSettings,
    pub(crate) cache: Option<TokenCache>,
    pub(crate) clock: SharedClock,
    /// Canceled when the identity is shut down or dropped.
    pub(crate) life: CancellationToken,
    /// Tracks the running token fetches, so that a shutdown can wait for them.
    pub(crate) attempts: TaskTracker,
}

impl IdentitySpec {
    /// Creates the token manager for `scopes`. The manager uses the identity's token cache, and the
    /// shared store of that cache, if there is one.
    pub(crate) fn manager(&self, scopes: Scopes) -> TokenManager {
        // Instances of a service with different kinds of credentials share no tokens.
        let credential = self.authentication.credential_kind();
        let key = TokenKey::new(&self.client_id, &self.token_url, credential, &scopes);
        let store = self.cache.as_ref().and_then(TokenCache::store);
        let entry: Arc<TokenEntry> =
            self.cache.as_ref().map_or_else(Arc::default, |cache| cache.entry(key.clone()));
        let mut source = self.source(scopes);
        let mut attempt_timeout = self.request_timeout;
        if let Some(store) = store {
            attempt_timeout += store_time_limit(&store, self.request_timeout);
            let (policy, wait_limit, clock) = (self.policy, self.request_timeout, self.clock.clone());
            source = Box::new(Coordinator { store, key, source, policy, wait_limit, clock });
        }
        TokenManager {
            client_id: self.client_id.clone(),
            source,
            entry,
            policy: self.policy,
            attempt_timeout,
            clock: self.clock.clone(),
            life: self.life.clone(),
            attempts: self.attempts.clone(),
        }
    }

    /// Creates the source of tokens for `scopes`: the sidecar if the token cache has one, otherwise
    /// the token endpoint.
    fn source(&self, scopes: Scopes) -> Box<dyn TokenSource> {
        let (client_id, clock) = (self.client_id.clone(), self.clock.clone());
        let timeout = self.request_timeout;
        match (self.cache.as_ref().and_then(TokenCache::sidecar_endpoint).cloned(), self.secret.clone()) {
            (None, Some(secret)) => Box::new(ClientCredentials {
                client_id,
                secret,
                token_url: self.token_url.clone(),
                authentication: self.authentication.clone(),
                scopes,
                transport: self.transport.clone(),
                timeout,
                clock,
            }),
            (sidecar, _) => {
                let sidecar = sidecar.expect("the builder requires a secret or a sidecar");
                Box::new(SidecarSource { sidecar, client_id, scopes, timeout, clock })
            }
        }
    }
}
