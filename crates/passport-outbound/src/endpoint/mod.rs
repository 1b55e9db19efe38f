//! Passport's token endpoint: client credentials in, a token out.

mod request;
mod response;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use passport_core::{ClientId, Clock, Limits, Scopes, Secret, SecretSource, Transport, TransportError};
use tokio::time::timeout;
use url::Url;

use crate::{
    TokenErrorKind,
    engine::{MintFuture, Minted, TokenSource},
    error::Failure,
    telemetry,
};

/// The largest token response that is read. A token is 1 to 8 KiB.
const MAX_RESPONSE: usize = 64 * 1024;

/// Mints tokens with the client credentials grant
/// ([RFC 6749, section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).
#[derive(Debug)]
pub(crate) struct ClientCredentials {
    pub(crate) client_id: ClientId,
    pub(crate) secret: SecretSource,
    pub(crate) token_url: Url,
    pub(crate) scopes: Scopes,
    pub(crate) transport: Transport,
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl TokenSource for ClientCredentials {
    fn mint(&self) -> MintFuture<'_> {
        Box::pin(async {
            // One limit for reading the secret and for the exchange: a provider may hang as well as Passport.
            timeout(self.timeout, self.exchange())
                .await
                .unwrap_or_else(|elapsed| Err(Failure::of(TokenErrorKind::Unavailable).caused_by(elapsed)))
        })
    }
}

impl ClientCredentials {
    async fn exchange(&self) -> Result<Minted, Failure> {
        let resolved = self.secret.resolve().await;
        let resolved = resolved.map_err(|error| Failure::of(TokenErrorKind::Secret).caused_by(error))?;
        telemetry::secret_read(&self.client_id, resolved.version());

        let response = self.ask(resolved.secret()).await;
        let response = response.map_err(|error| Failure::of(TokenErrorKind::Unavailable).caused_by(error))?;
        response::read(&response, self.clock.now())
    }

    async fn ask(&self, secret: &Secret) -> Result<Response<Bytes>, TransportError> {
        let request = request::build(&self.token_url, &self.client_id, secret, &self.scopes)?;
        self.transport.exchange(request, Limits { timeout: self.timeout, max_body: MAX_RESPONSE }).await
    }
}
