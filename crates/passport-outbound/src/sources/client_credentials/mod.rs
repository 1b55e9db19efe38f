//! Passport's token endpoint: client credentials in, a token out.

mod assertion;
mod auth_method;
mod events;
mod request;
mod secret_hint;

pub(crate) use self::auth_method::AuthMethodSelection;
pub use self::auth_method::{ClientAuthentication, PrivateKeyJwt, SigningAlgorithm};

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{
    ClientId, Clock, Limits, ResolvedSecret, Scopes, Secret, SecretError, SecretErrorKind, SecretSource,
    Transport, TransportError, hedged,
};
use tokio::time::{Instant, timeout_at};
use url::Url;

use self::request::Proof;
use super::{
    token_response::{self, MAX_RESPONSE},
    transport_failure::no_response,
};
use crate::token::{Failure, FetchFuture, FetchRequest, FetchedToken, TokenErrorKind, TokenSource};

/// The longest that an issuer is asked how clients prove who they are, before it is done in the usual way.
const MAX_DISCOVERY: Duration = Duration::from_secs(2);

/// The part of the time left after which a request without a response is sent a second time.
const HEAD_START: f64 = 0.4;

/// Mints tokens with the client credentials grant
/// ([RFC 6749, section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).
pub(crate) struct ClientCredentials {
    pub(crate) client_id: ClientId,
    pub(crate) secret: SecretSource,
    pub(crate) token_url: Url,
    pub(crate) authentication: Arc<AuthMethodSelection>,
    pub(crate) scopes: Scopes,
    pub(crate) transport: Transport,
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The time of an attempt.
#[derive(Clone, Copy)]
struct Time {
    deadline: Instant,
    /// The part of the time left after which the request is sent a second time.
    head_start: f64,
}

impl TokenSource for ClientCredentials {
    fn fetch(&self, ask: FetchRequest) -> FetchFuture<'_> {
        // While a token is live, a slow issuer is not asked twice.
        let head_start = if ask.is_live() { 1.0 } else { HEAD_START };
        Box::pin(async move { Ok(self.exchange(head_start).await?) })
    }
}

impl ClientCredentials {
    /// One limit for everything: a provider of secrets may hang as well as Passport.
    async fn exchange(&self, head_start: f64) -> Result<FetchedToken, Failure> {
        let deadline = Instant::now() + self.timeout;
        let time = Time { deadline, head_start };
        let patience = MAX_DISCOVERY.min(self.timeout / 2);
        // The one does not wait for the other: a vault may be slow.
        let way = self.authentication.way(&self.transport, patience);
        let (secret, way) = tokio::join!(self.secret(deadline), way);
        let outcome = self.ask_with(&way.method, &secret?, time).await;
        if outcome.as_ref().is_err_and(concerns_the_proof) {
            self.authentication.doubt(&way);
        }
        outcome
    }

    /// Asks with `secret`, and once more if another one has taken its place meanwhile.
    async fn ask_with(
        &self,
        method: &ClientAuthentication,
        secret: &ResolvedSecret,
        time: Time,
    ) -> Result<FetchedToken, Failure> {
        let refusal = match self.ask(method, secret.secret(), time).await {
            Err(failure) if concerns_the_proof(&failure) => failure,
            answer => return answer,
        };
        // The secret may have been rotated between its being read and its being judged. The same one again would be
        // refused again, and each refusal is an entry in Passport's audit.
        match self.read(self.secret.resolve_anew(secret), time.deadline).await {
            Ok(current) if !current.is_same(secret) => {
                events::secret_changed(&self.client_id, current.version());
                self.ask(method, current.secret(), time).await
            }
            _ => Err(refusal),
        }
    }

    async fn secret(&self, deadline: Instant) -> Result<ResolvedSecret, Failure> {
        self.read(self.secret.resolve(), deadline).await
    }

    async fn read(
        &self,
        secret: impl Future<Output = Result<ResolvedSecret, SecretError>>,
        deadline: Instant,
    ) -> Result<ResolvedSecret, Failure> {
        let resolved = timeout_at(deadline, secret).await.unwrap_or_else(|_| Err(self.late()));
        let resolved = resolved.map_err(Failure::secret)?;
        events::secret_read(&self.client_id, resolved.version());
        Ok(resolved)
    }

    fn late(&self) -> SecretError {
        let seconds = self.timeout.as_secs_f32();
        let reason = format!("its provider did not answer within {seconds} s (request_timeout)");
        SecretError::new(SecretErrorKind::Unavailable, self.secret.reference().clone(), reason)
    }

    /// Sends the token request; a second time, on another connection, when the first takes long.
    /// Each has an assertion of its own, if one is used: an assertion is good for one request.
    async fn ask(
        &self,
        method: &ClientAuthentication,
        secret: &Secret,
        Time { deadline, head_start }: Time,
    ) -> Result<FetchedToken, Failure> {
        let now = Instant::now();
        let head_start = deadline.saturating_duration_since(now).mul_f64(head_start);
        let first = self.ask_again_from(now + head_start, method, secret);
        let second = self.ask_again_from(now, method, secret);
        // While another request is on its way, a gateway's 504 decides nothing.
        let is_settled = |outcome: &Result<_, Failure>| {
            !outcome.as_ref().is_err_and(|failure| failure.kind() == TokenErrorKind::Unavailable)
        };
        match timeout_at(deadline, hedged(head_start, first, second, is_settled)).await {
            Ok(Ok(outcome) | Err((_, outcome))) => outcome,
            Err(late) => Err(Failure::of(TokenErrorKind::Unavailable).caused_by(late)),
        }
    }

    /// Sends the token request; once more if its connection breaks after `from`, when the attempt
    /// has lost time already.
    async fn ask_again_from(
        &self,
        from: Instant,
        method: &ClientAuthentication,
        secret: &Secret,
    ) -> Result<FetchedToken, Failure> {
        match self.ask_once(method, secret).await {
            Err(failure) if has_no_answer(&failure) && Instant::now() >= from => {
                self.ask_once(method, secret).await
            }
            outcome => outcome,
        }
    }

    async fn ask_once(
        &self,
        method: &ClientAuthentication,
        secret: &Secret,
    ) -> Result<FetchedToken, Failure> {
        let asked_at = self.clock.now();
        let proof = Proof { method, client_id: &self.client_id, secret, token_url: &self.token_url };
        let request = request::build(&proof, &self.scopes, asked_at)?;
        events::token_request(&self.client_id);
        let response = self.exchanged(request).await.map_err(no_response)?;
        let read = token_response::read(&response, &self.scopes, asked_at);
        read.map_err(|failure| secret_hint::about_secret(failure, self.secret.reference(), secret))
    }

    async fn exchanged(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.transport.exchange(request, Limits { timeout: self.timeout, max_body: MAX_RESPONSE }).await
    }
}

/// Whether the connection, and not Passport, is the reason.
fn has_no_answer(failure: &Failure) -> bool {
    failure.kind() == TokenErrorKind::Unavailable && failure.has_no_status()
}

/// Whether it was refused who asks, and not what was asked for.
fn concerns_the_proof(failure: &Failure) -> bool {
    failure.kind() == TokenErrorKind::Refused && failure.code().is_none_or(|code| code == "invalid_client")
}

/// The URL is left out: a query may hold what is nobody's business.
impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("client_id", &self.client_id)
            .field("secret", &self.secret)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
