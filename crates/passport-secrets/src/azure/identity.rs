//! Limits the time of token requests, and reports their last failure.

use std::{sync::Arc, time::Duration};

use azure_core::{
    Error, Result,
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::ClientMethodOptions,
};
use azure_identity::ClientAssertion;
use passport_core::{SecretSource, TransportError};
use tokio::time::timeout;

use crate::last_failure::LastFailure;

/// The time limit of a token request, including the retries of the SDK. The SDK alone would
/// retry for 72 s, but a token request at Passport has 10 s in all.
const MAX_TIME: Duration = Duration::from_secs(7);

/// A credential of the environment with a time limit.
#[derive(Debug)]
pub(super) struct TimeLimited {
    pub(super) credential: Arc<dyn TokenCredential>,
    /// The last failure of the requests of `credential`.
    pub(super) last_failure: LastFailure,
}

#[async_trait::async_trait]
impl TokenCredential for TimeLimited {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken> {
        let token = timeout(MAX_TIME, self.credential.get_token(scopes, options)).await;
        match token {
            Ok(token) => token.map_err(|error| self.with_host(error)),
            Err(_) => Err(self.timed_out()),
        }
    }
}

impl TimeLimited {
    /// Adds the host of the request if there was no response.
    fn with_host(&self, error: Error) -> Error {
        match self.last_failure.get().filter(|_| TransportError::find(&error).is_some()) {
            Some(failed) => Error::with_error(ErrorKind::Credential, failed, "the token request failed"),
            None => error,
        }
    }

    fn timed_out(&self) -> Error {
        let text = format!("the token request took longer than {} s", MAX_TIME.as_secs());
        let cause = match self.last_failure.get() {
            Some(failed) => Error::new(ErrorKind::Connection, failed),
            None => Error::with_message(ErrorKind::Connection, "the token endpoint did not respond"),
        };
        Error::with_error(ErrorKind::Credential, cause, text)
    }
}

/// The service account token of a pod. The SDK would read the file on a thread of the runtime.
#[derive(Debug)]
pub(super) struct FederatedToken(pub(super) SecretSource);

#[async_trait::async_trait]
impl ClientAssertion for FederatedToken {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> Result<String> {
        let token = self.0.resolve().await;
        let token = token.map_err(|error| Error::new(ErrorKind::Credential, error))?;
        Ok(token.secret().expose().to_owned())
    }
}
