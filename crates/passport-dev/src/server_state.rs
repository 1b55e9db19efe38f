//! The state that the server and all handles share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::HeaderValue;
use passport_core::Clock;

use crate::{Counters, faults::Faults, keys::KeyRing, registry::Registry};

/// The ways to prove who one is, as Passport advertises them.
const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

#[derive(Debug)]
pub(crate) struct ServerState {
    issuer: String,
    pub(crate) audience: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) token_lifetime_s: AtomicU64,
    pub(crate) kid_in_tokens: AtomicBool,
    pub(crate) jwks_cache_control: Mutex<Option<HeaderValue>>,
    pub(crate) client_authentication: Mutex<Vec<String>>,
    keys: Mutex<KeyRing>,
    registry: Mutex<Registry>,
    pub(crate) counters: Counters,
    pub(crate) faults: Faults,
}

impl ServerState {
    pub(crate) fn new(
        issuer: String,
        audience: String,
        clock: Arc<dyn Clock>,
        token_lifetime: Duration,
        keys: KeyRing,
    ) -> Self {
        Self {
            issuer,
            audience,
            clock,
            token_lifetime_s: AtomicU64::new(token_lifetime.as_secs()),
            kid_in_tokens: AtomicBool::new(true),
            jwks_cache_control: Mutex::default(),
            client_authentication: Mutex::new(METHODS.map(str::to_owned).into()),
            keys: Mutex::new(keys),
            registry: Mutex::default(),
            counters: Counters::default(),
            faults: Faults::default(),
        }
    }

    /// What discovery says of how clients prove who they are.
    pub(crate) fn client_authentication(&self) -> Vec<String> {
        self.client_authentication.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the URL that endpoints are below, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        self.issuer.trim_end_matches('/')
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, KeyRing> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn token_lifetime(&self) -> Duration {
        Duration::from_secs(self.token_lifetime_s.load(Ordering::SeqCst))
    }

    pub(crate) fn kid_in_tokens(&self) -> bool {
        self.kid_in_tokens.load(Ordering::SeqCst)
    }
}
