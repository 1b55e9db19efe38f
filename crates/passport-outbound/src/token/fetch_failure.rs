//! A failed token fetch, as token sources report it.

use std::{error::Error, time::Duration};

use http::StatusCode;
use passport_core::SecretError;

use super::error::TokenErrorKind;

/// A failed token fetch. It has no client id: [`TokenError`](super::error::TokenError) adds it.
#[derive(Debug)]
pub(crate) struct FetchFailure {
    pub(crate) kind: TokenErrorKind,
    /// The status of the response. `None` without a response.
    pub(crate) status: Option<StatusCode>,
    /// The OAuth2 error code of the response, such as `invalid_client`. `None` without a
    /// well-formed code.
    pub(crate) oauth_error: Option<String>,
    /// The delay in the `Retry-After` header of the response. `None` without the header.
    pub(crate) retry_after: Option<Duration>,
    /// What is unusual about the client secret, or why the secret could not be read. The hint is
    /// part of the error message, so it must not contain the secret itself.
    pub(crate) hint: Option<String>,
    /// What to check about the client authentication method. It is part of the error message if
    /// Passport rejected the client.
    pub(crate) authentication_remedy: Option<&'static str>,
    /// Whether an invalid response will be the same until a URL or a server is changed. If so, the
    /// error is not transient.
    pub(crate) is_permanent: bool,
    pub(crate) source: Option<Box<dyn Error + Send + Sync>>,
}

impl FetchFailure {
    /// Creates a failure of `kind` without details.
    pub(crate) fn of(kind: TokenErrorKind) -> Self {
        Self {
            kind,
            status: None,
            oauth_error: None,
            retry_after: None,
            hint: None,
            authentication_remedy: None,
            is_permanent: false,
            source: None,
        }
    }

    /// Creates a failure with kind `SecretUnavailable`. Its hint is the message of `error`: the
    /// reference of the secret, and why the secret could not be read.
    pub(crate) fn secret(error: SecretError) -> Self {
        Self { hint: Some(error.to_string()), ..Self::of(TokenErrorKind::SecretUnavailable) }
            .with_source(error)
    }

    /// Sets the cause.
    pub(crate) fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}
