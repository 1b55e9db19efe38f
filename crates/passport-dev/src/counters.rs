//! Counters of the requests to each endpoint.

use tokio::sync::watch;

use crate::Endpoint;

/// The number of requests to each endpoint since the start of the dev Passport. A request is
/// also counted if a [`Fault`](crate::Fault) changes its response.
#[derive(Debug, Default)]
pub struct Counters {
    discovery: watch::Sender<u64>,
    events_poll: watch::Sender<u64>,
    introspection: watch::Sender<u64>,
    jwks: watch::Sender<u64>,
    revocation: watch::Sender<u64>,
    token: watch::Sender<u64>,
}

impl Counters {
    /// Returns the number of requests for the discovery document, at both of its paths together.
    #[must_use]
    pub fn discovery(&self) -> u64 {
        *self.discovery.borrow()
    }

    /// Returns the number of requests to the endpoint that receivers poll for events.
    #[must_use]
    pub fn events_poll(&self) -> u64 {
        *self.events_poll.borrow()
    }

    /// Returns the number of requests to the introspection endpoint.
    #[must_use]
    pub fn introspection(&self) -> u64 {
        *self.introspection.borrow()
    }

    /// Returns the number of requests for the JWKS, at both of its paths together.
    #[must_use]
    pub fn jwks(&self) -> u64 {
        *self.jwks.borrow()
    }

    /// Returns the number of requests to the revocation endpoint.
    #[must_use]
    pub fn revocation(&self) -> u64 {
        *self.revocation.borrow()
    }

    /// Returns the number of requests to the token endpoint.
    #[must_use]
    pub fn token(&self) -> u64 {
        *self.token.borrow()
    }

    /// Waits until `endpoint` has received at least `count` requests since the start of the dev
    /// Passport. So a test can wait for a request without sleeping.
    ///
    /// # Cancel safety
    /// Dropping the future changes no counter.
    pub async fn reached(&self, endpoint: Endpoint, count: u64) {
        // The channel cannot close, because `self` owns the sender.
        let _ = self.of(endpoint).subscribe().wait_for(|requests| *requests >= count).await;
    }

    /// Increments the counter of requests to `endpoint`.
    pub(crate) fn count(&self, endpoint: Endpoint) {
        self.of(endpoint).send_modify(|requests| *requests += 1);
    }

    /// Returns the counter of `endpoint`.
    fn of(&self, endpoint: Endpoint) -> &watch::Sender<u64> {
        match endpoint {
            Endpoint::Discovery => &self.discovery,
            Endpoint::EventsPoll => &self.events_poll,
            Endpoint::Introspection => &self.introspection,
            Endpoint::Jwks => &self.jwks,
            Endpoint::Revocation => &self.revocation,
            Endpoint::Token => &self.token,
        }
    }
}
