//! Tokens for those who ask: as Passport hands them out, and in a form of our own.

mod drop_in;
mod response;
mod v1;

use std::time::Duration;

use http::StatusCode;
use passport_outbound::{AccessToken, ManagedIdentity, Scopes, TokenError};
use tokio::time::timeout;

pub(crate) use self::{
    drop_in::drop_in,
    v1::{get, refresh},
};
use crate::{caller_auth::Caller, dispatcher::AppState, error::ErrorResponse};

/// The longest life that is waited for.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is token_request of an identity.
struct TokenRequest {
    identity: ManagedIdentity,
    scopes: Scopes,
    /// How long it is waited for.
    time: Duration,
}

impl AppState {
    /// What `caller` wants, if it may have it. Whether there is an identity that is not for it, it is not told.
    fn token_request(
        &self,
        caller: &Caller,
        identity: &str,
        scopes: Option<&str>,
    ) -> Result<TokenRequest, ErrorResponse> {
        let identity = self.identity(identity, caller).ok_or_else(|| {
            let description = "there is no such identity, or it is not for this caller";
            ErrorResponse::new(StatusCode::FORBIDDEN, "unauthorized_client", description)
        })?;
        let invalid =
            |description: &str| ErrorResponse::new(StatusCode::BAD_REQUEST, "invalid_scope", description);
        let scopes: Scopes = match scopes.filter(|scopes| !scopes.is_empty()) {
            Some(scopes) => scopes.parse().map_err(|_| invalid("these are no scopes"))?,
            None => identity.scopes().clone(),
        };
        if !caller.may_request(&scopes, identity.scopes()) {
            return Err(invalid("some of the scopes are not for this caller; ask for those that are"));
        }
        let identity =
            identity.with_scopes(&scopes.to_string()).map_err(|_| invalid("these are no scopes"))?;
        Ok(TokenRequest { identity, scopes, time: self.answer_time })
    }
}

impl TokenRequest {
    async fn token(&self, life: Duration) -> Result<AccessToken, ErrorResponse> {
        self.wait_for(self.identity.token_for(life.min(MAX_LIFE))).await
    }

    /// The attempt goes on when nobody waits for it any more.
    async fn wait_for(
        &self,
        asked: impl Future<Output = Result<AccessToken, TokenError>>,
    ) -> Result<AccessToken, ErrorResponse> {
        let late = || {
            ErrorResponse::unavailable("there was no token in time; it is still asked for", Duration::ZERO)
        };
        let outcome = timeout(self.time, asked).await.map_err(|_| late())?;
        outcome.map_err(|error| ErrorResponse::token_unavailable(&self.identity, &error))
    }

    /// Those that were asked for and granted.
    fn granted(&self) -> String {
        let missing = self.identity.status().missing_scopes().to_vec();
        let scopes = self.scopes.to_string();
        let granted = scopes.split(' ').filter(|scope| !missing.iter().any(|missing| missing == scope));
        granted.collect::<Vec<_>>().join(" ")
    }
}
