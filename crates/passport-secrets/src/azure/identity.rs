//! Wrappers for the credentials of the SDK. [`TimeLimited`] adds a time limit to token requests,
//! and an error that names the last failed request. [`FederatedToken`] reads the token file of a
//! workload identity.

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

/// The time limit of a token request at Entra ID, including the retries of the SDK. Without this
/// limit, the SDK would retry for 72 s. But the token request at Passport that needs the secret
/// has a limit of 10 s in all.
const MAX_TIME: Duration = Duration::from_secs(7);

/// A default credential whose token requests have the time limit [`MAX_TIME`].
#[derive(Debug)]
pub(super) struct TimeLimited {
    pub(super) credential: Arc<dyn TokenCredential>,
    /// The last failed HTTP request of `credential`.
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
    /// Returns an error that names the host of the failed request, if the request had no response.
    /// Otherwise returns `error` unchanged.
    fn with_host(&self, error: Error) -> Error {
        match self.last_failure.get().filter(|_| TransportError::find(&error).is_some()) {
            Some(failed) => Error::with_error(ErrorKind::Credential, failed, "the token request failed"),
            None => error,
        }
    }

    /// Creates the error of a token request that exceeded the time limit.
    fn timed_out(&self) -> Error {
        let text = format!("the token request took longer than {} s", MAX_TIME.as_secs());
        let cause = match self.last_failure.get() {
            Some(failed) => Error::new(ErrorKind::Connection, failed),
            None => Error::with_message(ErrorKind::Connection, "the token endpoint did not respond"),
        };
        Error::with_error(ErrorKind::Credential, cause, text)
    }
}

/// The service account token of a pod. The token is read from its file on a separate thread. The
/// SDK's own implementation would read the file on a thread of the tokio runtime, and block it.
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
