use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::response::Response;
use http::StatusCode;
use passport_outbound::{AccessToken, ManagedIdentity, Scopes, TokenError};
use tokio::time::timeout;

use super::response;
use crate::{admission::Admission, caller_auth::Caller, error::ErrorResponse};

/// The longest time to live that a token is requested with.
const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// What the token endpoints share.
#[derive(Debug)]
pub(crate) struct TokenEndpoints {
    pub(crate) admission: Arc<Admission>,
    pub(crate) identities: BTreeMap<String, ManagedIdentity>,
    /// How long a request waits for a token.
    pub(crate) response_time: Duration,
}

/// A request for a token that its caller may have.
pub(super) struct TokenRequest {
    pub(super) identity: ManagedIdentity,
    scopes: Scopes,
    timeout: Duration,
}

impl TokenEndpoints {
    /// Returns the request of `caller` for a token of an identity, by its name or client id.
    ///
    /// # Errors
    /// When the caller may not have that token. The error does not tell whether the identity
    /// exists.
    pub(super) fn request(
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
        Ok(TokenRequest { identity, scopes, timeout: self.response_time })
    }

    /// Responds with a token that lives for at least `min_ttl`, as far as Passport issues such
    /// tokens.
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

    /// Returns the identity of that name or client id, if `caller` may use it.
    fn identity(&self, name: &str, caller: &Caller) -> Option<&ManagedIdentity> {
        let mut allowed = self.identities.iter().filter(|(known, _)| caller.may_use(known));
        let is_it =
            |known: &str, identity: &ManagedIdentity| known == name || identity.client_id().as_str() == name;
        allowed.find(|(known, identity)| is_it(known, identity)).map(|(_, identity)| identity)
    }
}

impl TokenRequest {
    /// Responds with `token`, and waits for it as long as the request may. The attempt goes on
    /// after that.
    pub(super) async fn respond(
        &self,
        token: impl Future<Output = Result<AccessToken, TokenError>>,
    ) -> Result<Response, ErrorResponse> {
        let late = || {
            ErrorResponse::unavailable("there was no token in time; it is still asked for", Duration::ZERO)
        };
        let token = timeout(self.timeout, token).await.map_err(|_| late())?;
        let token = token.map_err(|error| ErrorResponse::token_unavailable(&self.identity, &error))?;
        Ok(response::token(&token, &self.granted()))
    }

    /// Returns the requested scopes that were granted.
    fn granted(&self) -> String {
        let missing = self.identity.status().missing_scopes().to_vec();
        let scopes = self.scopes.to_string();
        let granted = scopes.split(' ').filter(|scope| !missing.iter().any(|missing| missing == scope));
        granted.collect::<Vec<_>>().join(" ")
    }
}
