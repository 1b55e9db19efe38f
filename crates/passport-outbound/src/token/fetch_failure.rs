//! A failed attempt as token sources report it.

use std::{error::Error, time::Duration};

use http::StatusCode;
use passport_core::SecretError;

use super::error::TokenErrorKind;

/// A failed attempt, without the client id. [`TokenError`](super::error::TokenError) adds it.
#[derive(Debug)]
pub(crate) struct FetchFailure {
    pub(crate) kind: TokenErrorKind,
    pub(crate) status: Option<StatusCode>,
    pub(crate) oauth_error: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// A further thing to check. Part of the message, so it must not contain a secret.
    pub(crate) hint: Option<String>,
    /// What to check about the client authentication method. Part of the message of a rejection.
    pub(crate) authentication_remedy: Option<&'static str>,
    /// Whether an invalid response persists until a URL or a server is changed.
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

    /// Creates the failure to read a secret. The message contains its reference and the cause.
    pub(crate) fn secret(error: SecretError) -> Self {
        Self { hint: Some(error.to_string()), ..Self::of(TokenErrorKind::SecretUnavailable) }
            .with_source(error)
    }

    /// Sets the cause.
    pub(crate) fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}
