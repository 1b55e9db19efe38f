//! Fetches tokens from Passport's token endpoint with the client credentials grant.

mod events;
mod request;

use std::time::Duration;

use passport_core::{
    ClientAuthentication, ClientId, ClientProof, Clock, ResolvedSecret, ResponseLimits, Scopes, Secret,
    SecretError, SecretErrorKind, SecretSource, SharedClock, Transport, hedged,
};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    token_response::{self, MAX_RESPONSE},
    transport_failure::no_response,
};
use crate::token::{FetchFailure, FetchFuture, FetchRequest, FetchedToken, TokenErrorKind, TokenSource};

/// The fraction of the remaining time limit after which a second token request is sent if the
/// first request has no response yet.
const HEAD_START: f64 = 0.4;

/// Fetches tokens with the client credentials grant
/// ([RFC 6749, section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).
pub(crate) struct ClientCredentials {
    pub(crate) client_id: ClientId,
    pub(crate) secret: SecretSource,
    pub(crate) token_url: Url,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) scopes: Scopes,
    pub(crate) transport: Transport,
    /// The time limit of one token fetch, which includes reading the secret.
    pub(crate) timeout: Duration,
    pub(crate) clock: SharedClock,
}

impl TokenSource for ClientCredentials {
    fn fetch(&self, request: FetchRequest) -> FetchFuture<'_> {
        // While the current token is valid, no caller waits, so a slow issuer gets no second
        // request: a head start of 1.0 lasts until the time limit.
        let head_start = if request.has_valid_token() { 1.0 } else { HEAD_START };
        Box::pin(async move { Ok(self.fetch_token(head_start).await?) })
    }
}

impl ClientCredentials {
    /// Reads the client secret, and requests a token. If Passport rejects the secret, and the
    /// secret provider has a newer secret, requests a token with the newer secret. All steps share
    /// one time limit, because the secret provider can hang as well as Passport.
    async fn fetch_token(&self, head_start: f64) -> Result<FetchedToken, FetchFailure> {
        let deadline = Instant::now() + self.timeout;
        let secret = self.read(self.secret.resolve(), deadline).await?;
        let rejection = match self.hedged_request(secret.secret(), deadline, head_start).await {
            Err(failure) if is_client_rejected(&failure) => failure,
            result => return result,
        };
        // The secret can have been rotated since the first read. The same secret is not sent twice:
        // each rejection is an entry in Passport's audit.
        match self.read(self.secret.refresh(&secret), deadline).await {
            Ok(current) if !current.has_same_secret(&secret) => {
                events::secret_changed(&self.client_id, current.version());
                self.hedged_request(current.secret(), deadline, head_start).await
            }
            _ => Err(rejection),
        }
    }

    /// Waits for `secret`, the future of a secret provider, until `deadline`.
    async fn read(
        &self,
        secret: impl Future<Output = Result<ResolvedSecret, SecretError>>,
        deadline: Instant,
    ) -> Result<ResolvedSecret, FetchFailure> {
        let resolved = timeout_at(deadline, secret).await.unwrap_or_else(|_| Err(self.secret_timeout()));
        let resolved = resolved.map_err(FetchFailure::secret)?;
        events::secret_read(&self.client_id, resolved.version());
        Ok(resolved)
    }

    /// Returns the error for a secret provider that did not respond within the time limit.
    fn secret_timeout(&self) -> SecretError {
        let seconds = self.timeout.as_secs_f32();
        let reason = format!("no response from its provider within {seconds} s (request_timeout)");
        SecretError::new(SecretErrorKind::Unavailable, self.secret.reference().clone(), reason)
    }

    /// Sends a token request. If there is no response within the fraction `head_start` of the time
    /// until `deadline`, sends a second request on another connection, and returns the result that
    /// arrives first. Each request has its own assertion, because an assertion is valid for one
    /// request.
    async fn hedged_request(
        &self,
        secret: &Secret,
        deadline: Instant,
        head_start: f64,
    ) -> Result<FetchedToken, FetchFailure> {
        let now = Instant::now();
        let head_start = deadline.saturating_duration_since(now).mul_f64(head_start);
        let first = self.request_and_retry_from(now + head_start, secret);
        let second = self.request_and_retry_from(now, secret);
        // While the other request is running, the result `Unavailable`, for example because a
        // gateway responded with status 504, is not final.
        let is_settled = |result: &Result<_, FetchFailure>| {
            !result.as_ref().is_err_and(|failure| failure.kind == TokenErrorKind::Unavailable)
        };
        match timeout_at(deadline, hedged(head_start, first, second, is_settled)).await {
            Ok(Ok(result) | Err((_, result))) => result,
            Err(late) => Err(FetchFailure::of(TokenErrorKind::Unavailable).with_source(late)),
        }
    }

    /// Sends a token request. If the connection of the request breaks at the time `from` or later,
    /// sends the request again. Before `from`, a retry is not necessary, because the second request
    /// of [`Self::hedged_request`] is still to come.
    async fn request_and_retry_from(
        &self,
        from: Instant,
        secret: &Secret,
    ) -> Result<FetchedToken, FetchFailure> {
        match self.request_once(secret).await {
            Err(failure) if has_no_response(&failure) && Instant::now() >= from => {
                self.request_once(secret).await
            }
            result => result,
        }
    }

    /// Sends one token request, and parses the response.
    async fn request_once(&self, secret: &Secret) -> Result<FetchedToken, FetchFailure> {
        let requested_at = self.clock.now();
        let proof = ClientProof {
            method: &self.authentication,
            client_id: &self.client_id,
            secret,
            audience: self.token_url.as_str(),
        };
        let request = request::build(&proof, &self.token_url, &self.scopes, requested_at)?;
        events::token_request(&self.client_id);
        let limits = ResponseLimits { timeout: self.timeout, max_body: MAX_RESPONSE };
        let response = self.transport.send(request, limits).await.map_err(no_response)?;
        token_response::read(&response, &self.scopes, requested_at).map_err(|failure| {
            let authentication_remedy = Some(self.authentication.remedy());
            let hint = if is_client_rejected(&failure) { self.secret_hint(secret) } else { failure.hint };
            FetchFailure { authentication_remedy, hint, ..failure }
        })
    }

    /// Returns a hint about what is unusual about a rejected secret, such as a trailing space or
    /// quotes. `None` if nothing about the secret is unusual.
    fn secret_hint(&self, secret: &Secret) -> Option<String> {
        let warnings = secret.warnings();
        let text = format!("the secret behind `{}` {}", self.secret.reference(), warnings.join(" and "));
        (!warnings.is_empty()).then_some(text)
    }
}

/// Returns whether the token request failed without a response, for example because its
/// connection broke.
fn has_no_response(failure: &FetchFailure) -> bool {
    failure.kind == TokenErrorKind::Unavailable && failure.status.is_none()
}

/// Returns whether Passport rejected the client or its secret, and not the scopes or the grant.
/// If true, the secret provider can have a newer secret.
fn is_client_rejected(failure: &FetchFailure) -> bool {
    failure.kind == TokenErrorKind::Rejected
        && failure.oauth_error.as_ref().is_none_or(|code| code == "invalid_client")
}

#[cfg(test)]
mod tests;
