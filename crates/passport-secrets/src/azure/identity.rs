//! A credential whose token requests end in time, with their cause.

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

/// How long a token may take, the retries of Microsoft's client included. It would try for 72 s,
/// while a token request of Passport has 10 s for everything.
const MAX_TIME: Duration = Duration::from_secs(7);

/// A credential of the environment.
#[derive(Debug)]
pub(super) struct TimeLimited {
    pub(super) credential: Arc<dyn TokenCredential>,
    /// What the credential's client notes.
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
            Ok(token) => token.map_err(|error| self.named(error)),
            Err(_) => Err(self.late()),
        }
    }
}

impl TimeLimited {
    /// Names the host of a request that had no response.
    fn named(&self, error: Error) -> Error {
        match self.last_failure.get().filter(|_| TransportError::find(&error).is_some()) {
            Some(failed) => Error::with_error(ErrorKind::Credential, failed, "the token request failed"),
            None => error,
        }
    }

    fn late(&self) -> Error {
        let text = format!("none was issued within {} s", MAX_TIME.as_secs());
        let cause = match self.last_failure.get() {
            Some(failed) => Error::new(ErrorKind::Connection, failed),
            None => Error::with_message(ErrorKind::Connection, "the identity's endpoint is silent"),
        };
        Error::with_error(ErrorKind::Credential, cause, text)
    }
}

/// The token of a pod. Microsoft's client would read its file on a thread of the runtime.
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
