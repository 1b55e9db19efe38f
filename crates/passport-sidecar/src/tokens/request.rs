//! Authorizes token requests, and waits for the requested tokens.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::response::Response;
use http::StatusCode;
use passport_outbound::{AccessToken, ManagedIdentity, Scopes, TokenError};
use tokio::time::timeout;

use super::response;
use crate::{admission::Admission, caller_auth::Caller, error::ErrorResponse};

/// The maximum of the parameter `min_ttl`. A larger value is reduced to this maximum without an
/// error.
const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);

const MALFORMED_SCOPE: &str = "malformed scope: expected names that are separated by spaces";

/// The state of the token endpoints.
#[derive(Debug)]
pub(crate) struct TokenEndpoints {
    pub(crate) admission: Arc<Admission>,
    pub(crate) identities: BTreeMap<String, ManagedIdentity>,
    /// How long a request waits for a token before it gets a 503.
    pub(crate) timeout: Duration,
}

/// A request for a token that the caller is allowed to have.
pub(super) struct TokenRequest {
    pub(super) identity: ManagedIdentity,
    scopes: Scopes,
    timeout: Duration,
}

impl TokenEndpoints {
    /// Authorizes a request of `caller` for a token of `identity`, which is the name or the client
    /// id of an identity. `scopes` are separated by spaces. Without `scopes`, the token has the
    /// scopes that are configured for the identity.
    ///
    /// # Errors
    /// Returns an error in these cases:
    /// - the identity is unknown, or the caller is not allowed to use it. The error is the same in
    ///   both cases, so that it does not reveal whether the identity exists;
    /// - the caller is not allowed to request the scopes;
    /// - the scopes are malformed.
    pub(super) fn request(
        &self,
        caller: &Caller,
        identity: &str,
        scopes: Option<&str>,
    ) -> Result<TokenRequest, ErrorResponse> {
        let identity = self.identity(identity, caller).ok_or_else(|| {
            let description = "unknown identity, or not allowed for this caller";
            ErrorResponse::new(StatusCode::FORBIDDEN, "unauthorized_client", description)
        })?;
        let invalid =
            |description: &str| ErrorResponse::new(StatusCode::BAD_REQUEST, "invalid_scope", description);
        let scopes: Scopes = match scopes.filter(|scopes| !scopes.is_empty()) {
            Some(scopes) => scopes.parse().map_err(|_| invalid(MALFORMED_SCOPE))?,
            None => identity.scopes().clone(),
        };
        if !caller.may_request(&scopes, identity.scopes()) {
            return Err(invalid("scope not allowed for this caller: request only allowed scopes"));
        }
        let identity = identity.with_scopes(&scopes.to_string()).map_err(|_| invalid(MALFORMED_SCOPE))?;
        Ok(TokenRequest { identity, scopes, timeout: self.timeout })
    }

    /// Returns a response with a token of `identity` that is valid for at least `min_ttl`. If
    /// Passport does not issue such tokens, the token has a shorter remaining lifetime.
    pub(super) async fn token(
        &self,
        caller: &Caller,
        identity: &str,
        scopes: Option<&str>,
        min_ttl: Duration,
    ) -> Result<Response, ErrorResponse> {
        let request = self.request(caller, identity, scopes)?;
        request.respond(request.identity.token_with_min_ttl(min_ttl.min(MAX_TTL))).await
    }

    /// Returns the identity whose name or client id is `name`. Returns `None` if there is no such
    /// identity, or if `caller` is not allowed to use it.
    fn identity(&self, name: &str, caller: &Caller) -> Option<&ManagedIdentity> {
        let mut allowed = self.identities.iter().filter(|(known, _)| caller.may_use(known));
        let is_named =
            |known: &str, identity: &ManagedIdentity| known == name || identity.client_id().as_str() == name;
        allowed.find(|(known, identity)| is_named(known, identity)).map(|(_, identity)| identity)
    }
}

impl TokenRequest {
    /// Waits for the future `token`, and returns a response with the token. Returns a 503 if the
    /// token is not available within the timeout. The token fetch then continues in the background.
    pub(super) async fn respond(
        &self,
        token: impl Future<Output = Result<AccessToken, TokenError>>,
    ) -> Result<Response, ErrorResponse> {
        let timed_out = || {
            ErrorResponse::unavailable(
                "timed out waiting for a token: retry later, the token fetch continues",
                Duration::ZERO,
            )
        };
        let token = timeout(self.timeout, token).await.map_err(|_| timed_out())?;
        let token = token.map_err(|error| ErrorResponse::token_unavailable(&self.identity, &error))?;
        Ok(response::token(&token, &self.granted()))
    }

    /// Returns the requested scopes that Passport granted, separated by spaces.
    fn granted(&self) -> String {
        let missing = self.identity.status().missing_scopes().to_vec();
        let scopes = self.scopes.to_string();
        let granted = scopes.split(' ').filter(|scope| !missing.iter().any(|missing| missing == scope));
        granted.collect::<Vec<_>>().join(" ")
    }
}
