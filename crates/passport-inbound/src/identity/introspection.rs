//! Whether the issuer still confirms the token of a caller.

use std::{sync::Arc, time::Duration};

use super::IdInfo;
use crate::introspection::{IntrospectedToken, IntrospectionError};

impl IdInfo {
    fn introspected_token(&self) -> Option<&IntrospectedToken> {
        self.0.revocation.introspected.as_ref()
    }

    /// Returns the token if the issuer can be asked about it.
    pub(crate) fn token(&self) -> Option<&Arc<[u8]>> {
        self.introspected_token().map(IntrospectedToken::token)
    }

    /// Returns whether the issuer must confirm the token before the caller is accepted at the time
    /// `now`, in nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn needs_introspection(&self, now: u64) -> bool {
        self.introspected_token().is_some_and(|token| token.is_due(now))
    }

    /// Returns whether the issuer has confirmed the token within the last `max_age`. Returns `None`
    /// if the issuer cannot be asked.
    pub(crate) fn is_confirmed(&self, max_age: Duration) -> Option<bool> {
        self.introspected_token().map(|token| token.is_confirmed(max_age))
    }

    /// Asks the issuer whether the token is still active. The maximum age of an answer is
    /// `max_age`, or that of the issuer. Succeeds if the issuer cannot be asked.
    ///
    /// # Errors
    /// If the issuer says that the token is not active, or gives no valid answer.
    pub(crate) async fn introspect(&self, max_age: Option<Duration>) -> Result<(), IntrospectionError> {
        match self.introspected_token() {
            Some(token) => token.confirm(&self.0.payload, max_age).await,
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
            Some(token) => token.revoked(&self.0.payload).await,
            None => std::future::pending().await,
        }
    }
}
