//! The state that the HTTP server shares with [`DevPassport`](crate::DevPassport) and
//! [`DevIdentity`](crate::DevIdentity).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use passport_core::{Clock, Transport};

use crate::{Counters, Endpoint, Fault, events::Receivers, keys::SigningKeys, registry::Registry};

/// The configuration, the keys, the registered identities and receivers, the faults and the
/// counters of a dev Passport.
#[derive(Debug)]
pub(crate) struct ServerState {
    issuer: String,
    pub(crate) audience: String,
    pub(crate) clock: Arc<dyn Clock>,
    settings: Mutex<ServerSettings>,
    keys: Mutex<SigningKeys>,
    registry: Mutex<Registry>,
    receivers: Mutex<Receivers>,
    /// Sends requests to the receivers.
    pub(crate) transport: Transport,
    /// The injected faults by endpoint.
    faults: Mutex<HashMap<Endpoint, Fault>>,
    pub(crate) counters: Counters,
}

/// Settings that can change while the server runs.
#[derive(Debug)]
pub(crate) struct ServerSettings {
    /// The lifetime of new tokens.
    pub(crate) token_lifetime: Duration,
    /// Whether the JOSE header of new tokens has a key id (`kid`).
    pub(crate) kid_in_tokens: bool,
    /// The `Cache-Control` header of the JWKS response. `None` for no header.
    pub(crate) jwks_cache_control: Option<HeaderValue>,
}

impl ServerState {
    pub(crate) fn new(
        issuer: String,
        audience: String,
        clock: Arc<dyn Clock>,
        token_lifetime: Duration,
        keys: SigningKeys,
    ) -> Self {
        Self {
            issuer,
            audience,
            clock,
            settings: Mutex::new(ServerSettings {
                token_lifetime,
                kid_in_tokens: true,
                jwks_cache_control: None,
            }),
            keys: Mutex::new(keys),
            registry: Mutex::default(),
            receivers: Mutex::default(),
            transport: Transport::default(),
            faults: Mutex::default(),
            counters: Counters::default(),
        }
    }

    /// Returns the issuer that tokens and the discovery document name.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the base URL of the endpoints, without a trailing slash.
    pub(crate) fn base(&self) -> &str {
        self.issuer.trim_end_matches('/')
    }

    /// Locks and returns the signing keys.
    pub(crate) fn keys(&self) -> MutexGuard<'_, SigningKeys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks and returns the registered identities.
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks and returns the registered receivers of events and of logout tokens.
    pub(crate) fn receivers(&self) -> MutexGuard<'_, Receivers> {
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks and returns the injected faults by endpoint.
    pub(crate) fn faults(&self) -> MutexGuard<'_, HashMap<Endpoint, Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks and returns the settings that can change while the server runs.
    pub(crate) fn settings(&self) -> MutexGuard<'_, ServerSettings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
