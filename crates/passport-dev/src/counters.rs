use std::sync::atomic::{AtomicU64, Ordering};

use crate::Endpoint;

/// How often each endpoint was asked, faulty answers included.
#[derive(Debug, Default)]
pub struct Counters {
    discovery: AtomicU64,
    introspection: AtomicU64,
    jwks: AtomicU64,
    token: AtomicU64,
}

impl Counters {
    /// Requests for the discovery document, at either place.
    #[must_use]
    pub fn discovery(&self) -> u64 {
        self.discovery.load(Ordering::SeqCst)
    }

    /// Requests to the introspection endpoint.
    #[must_use]
    pub fn introspection(&self) -> u64 {
        self.introspection.load(Ordering::SeqCst)
    }

    /// Requests for the signing keys, at either place.
    #[must_use]
    pub fn jwks(&self) -> u64 {
        self.jwks.load(Ordering::SeqCst)
    }

    /// Requests to the token endpoint.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token.load(Ordering::SeqCst)
    }

    pub(crate) fn count(&self, endpoint: Endpoint) {
        let counter = match endpoint {
            Endpoint::Discovery => &self.discovery,
            Endpoint::Introspection => &self.introspection,
            Endpoint::Jwks => &self.jwks,
            Endpoint::Token => &self.token,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}
