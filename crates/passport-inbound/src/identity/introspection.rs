//! Whether the issuer still confirms the token of a caller.

use std::{sync::Arc, time::Duration};

use super::IdInfo;
use crate::introspection::{IntrospectedToken, IntrospectionError, NeededAnswer};

impl IdInfo {
    fn introspected_token(&self) -> Option<&IntrospectedToken> {
        self.verified.revocation.introspected.as_ref()
    }

    /// Returns the token if the issuer can be asked about it.
    pub(crate) fn token(&self) -> Option<&Arc<[u8]>> {
        self.introspected_token().map(IntrospectedToken::token)
    }

    /// Returns the caller of a request that arrives at the time `now`, in nanoseconds since the
    /// Unix epoch. An answer to a later call is enough for all requirements of the request.
    #[inline]
    pub(crate) fn for_request(&self, now: u64) -> Self {
        self.with_arrival(self.introspected_token().map_or(0, |token| token.arrival(now)))
    }

    /// Returns the caller of a request with the position `arrival` in the order of the calls to the
    /// issuer.
    #[inline]
    pub(crate) fn with_arrival(&self, arrival: u64) -> Self {
        Self { verified: Arc::clone(&self.verified), arrival }
    }

    /// Returns whether the issuer must confirm the token before the caller is accepted at the time
    /// `now`, in nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn needs_introspection(&self, now: u64) -> bool {
        self.introspected_token().is_some_and(|token| token.is_due(now))
    }

    /// Returns whether the issuer has confirmed the token within the last `max_age`, or for this
    /// request if `max_age` is zero. Returns `None` if the issuer cannot be asked.
    pub(crate) fn is_confirmed(&self, max_age: Duration) -> Option<bool> {
        self.introspected_token().map(|token| token.is_confirmed(max_age, self.arrival))
    }

    /// Asks the issuer whether the token is still active. `needed` is the answer that a requirement
    /// needs; `None` for the settings of the issuer. Succeeds if the issuer cannot be asked.
    ///
    /// # Errors
    /// If the issuer says that the token is not active, or gives no valid answer.
    pub(crate) async fn introspect(&self, needed: Option<NeededAnswer>) -> Result<(), IntrospectionError> {
        match self.introspected_token() {
            Some(token) => token.confirm(&self.verified.payload, needed).await,
            None => Ok(()),
        }
    }

    /// Waits until the issuer says that the token is not active, for open streams. Never completes
    /// if neither the issuer's settings nor a requirement need the issuer's answer.
    ///
    /// # Cancel safety
    /// Cancel safe: the next call asks again.
    pub(crate) async fn revoked(&self) {
        match self.introspected_token() {
            Some(token) => token.revoked(&self.verified.payload).await,
            None => std::future::pending().await,
        }
    }
}
