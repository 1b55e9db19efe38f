//! The routes of a receiver of security events.

use axum::Router;

use crate::{
    SecurityEventReceiver,
    security_events::{EVENTS_PATH, LOGOUT_PATH},
};

impl SecurityEventReceiver {
    /// Returns a router with the routes `/backchannel-logout` and `/security-events` (feature
    /// `axum`). Merge it outside the [`AuthenticateLayer`](crate::AuthenticateLayer), because
    /// issuers send no access token.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new().route_service(LOGOUT_PATH, self.clone()).route_service(EVENTS_PATH, self)
    }
}
