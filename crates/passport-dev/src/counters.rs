use tokio::sync::watch;

use crate::Endpoint;

/// How often each endpoint was asked, faulty answers included.
#[derive(Debug, Default)]
pub struct Counters {
    discovery: watch::Sender<u64>,
    introspection: watch::Sender<u64>,
    jwks: watch::Sender<u64>,
    token: watch::Sender<u64>,
}

impl Counters {
    /// Requests for the discovery document, at either place.
    #[must_use]
    pub fn discovery(&self) -> u64 {
        *self.discovery.borrow()
    }

    /// Requests to the introspection endpoint.
    #[must_use]
    pub fn introspection(&self) -> u64 {
        *self.introspection.borrow()
    }

    /// Requests for the signing keys, at either place.
    #[must_use]
    pub fn jwks(&self) -> u64 {
        *self.jwks.borrow()
    }

    /// Requests to the token endpoint.
    #[must_use]
    pub fn token(&self) -> u64 {
        *self.token.borrow()
    }

    /// Waits until `endpoint` has been asked `count` times, so that a test need not sleep.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn reached(&self, endpoint: Endpoint, count: u64) {
        // The sender is borrowed here, so the channel cannot close.
        let _ = self.of(endpoint).subscribe().wait_for(|asked| *asked >= count).await;
    }

    pub(crate) fn count(&self, endpoint: Endpoint) {
        self.of(endpoint).send_modify(|asked| *asked += 1);
    }

    fn of(&self, endpoint: Endpoint) -> &watch::Sender<u64> {
        match endpoint {
            Endpoint::Discovery => &self.discovery,
            Endpoint::Introspection => &self.introspection,
            Endpoint::Jwks => &self.jwks,
            Endpoint::Token => &self.token,
        }
    }
}
