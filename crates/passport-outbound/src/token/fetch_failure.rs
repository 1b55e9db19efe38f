use std::{error::Error, time::Duration};

use http::StatusCode;
use passport_core::SecretError;

use super::error::TokenErrorKind;

/// A failed attempt, before the client id is added to it.
#[derive(Debug)]
pub(crate) struct FetchFailure {
    pub(super) kind: TokenErrorKind,
    pub(super) status: Option<StatusCode>,
    pub(super) oauth_error: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) hint: Option<String>,
    /// What to check about the client authentication in use.
    pub(super) authentication_remedy: Option<&'static str>,
    pub(super) is_permanent: bool,
    pub(super) source: Option<Box<dyn Error + Send + Sync>>,
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

    /// Marks an unusable response that stays the same until a URL or a server is changed.
    pub(crate) fn permanent(mut self, is_permanent: bool) -> Self {
        self.is_permanent = is_permanent;
        self
    }

    /// Returns the failure to read a secret. The message names its reference and the cause.
    pub(crate) fn secret(error: SecretError) -> Self {
        Self::of(TokenErrorKind::Secret).hint(error.to_string()).caused_by(error)
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    pub(crate) fn oauth_error(mut self, code: Option<String>) -> Self {
        self.oauth_error = code;
        self
    }

    pub(crate) fn retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Adds what else to check. It is a part of the message, so it must not hold a secret.
    pub(crate) fn hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Adds what to check about the client authentication, which the message of a rejection names.
    pub(crate) fn authentication_remedy(mut self, remedy: &'static str) -> Self {
        self.authentication_remedy = Some(remedy);
        self
    }

    pub(crate) fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    pub(crate) fn kind(&self) -> TokenErrorKind {
        self.kind
    }

    pub(crate) fn has_no_status(&self) -> bool {
        self.status.is_none()
    }

    /// Returns the OAuth2 error code, if the response has one.
    pub(crate) fn code(&self) -> Option<&str> {
        self.oauth_error.as_deref()
    }
}
