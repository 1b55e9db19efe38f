//! The state that the server and its handles share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use passport_core::Clock;

use crate::{Counters, Endpoint, Fault, keys::SigningKeys, registry::Registry};

#[derive(Debug)]
pub(crate) struct ServerState {
    issuer: String,
    pub(crate) audience: String,
    pub(crate) clock: Arc<dyn Clock>,
    settings: Mutex<ServerSettings>,
    keys: Mutex<SigningKeys>,
    registry: Mutex<Registry>,
    faults: Mutex<HashMap<Endpoint, Fault>>,
    pub(crate) counters: Counters,
}

/// Settings that can change while the server runs.
#[derive(Debug)]
pub(crate) struct ServerSettings {
    pub(crate) token_lifetime: Duration,
    pub(crate) kid_in_tokens: bool,
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
            faults: Mutex::default(),
            counters: Counters::default(),
        }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the base URL of the endpoints, without a trailing slash.
    pub(crate) fn base(&self) -> &str {
        self.issuer.trim_end_matches('/')
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, SigningKeys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the active faults.
    pub(crate) fn faults(&self) -> MutexGuard<'_, HashMap<Endpoint, Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, ServerSettings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
