use std::{error::Error, time::Duration};

use http::StatusCode;
use passport_core::SecretError;

use super::error::TokenErrorKind;

/// A failed attempt, before the client id is added to it.
#[derive(Debug)]
pub(crate) struct FetchFailure {
    pub(crate) kind: TokenErrorKind,
    pub(crate) status: Option<StatusCode>,
    pub(crate) oauth_error: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// What else to check. It is a part of the message, so it must not hold a secret.
    pub(crate) hint: Option<String>,
    /// What to check about the client authentication in use. The message of a rejection names it.
    pub(crate) authentication_remedy: Option<&'static str>,
    /// Whether an unusable response stays the same until a URL or a server is changed.
    pub(crate) is_permanent: bool,
    pub(crate) source: Option<Box<dyn Error + Send + Sync>>,
}

impl FetchFailure {
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

    /// Returns the failure to read a secret. The message names its reference and the cause.
    pub(crate) fn secret(error: SecretError) -> Self {
        Self { hint: Some(error.to_string()), ..Self::of(TokenErrorKind::SecretUnavailable) }
            .with_source(error)
    }

    pub(crate) fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}
