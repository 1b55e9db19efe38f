//! The identity of the caller of this service, whose token is forwarded.

use std::fmt;

use http::{Extensions, HeaderValue};
use metrics::counter;
use passport_core::{CallerToken, Clock, SharedClock};

use super::{Identity, ManagedIdentity, SelectedIdentity};
use crate::metrics::{CLIENT_ID, WITHOUT_CALLER};

/// The identity of the caller of this service. The caller is the client that sent the request
/// that this service handles. Outgoing requests are sent on behalf of the caller: the caller's
/// token is forwarded unchanged.
///
/// The token is looked up in this order:
///
/// 1. the token of [`from_token`](Self::from_token);
/// 2. the [`CallerToken`] in the extensions of the outgoing request;
/// 3. the [`CallerToken`] of the [scope](CallerToken::scope) of the current task, only with
///    [`from_task_local`](Self::from_task_local).
///
/// A caller's token is never cached, refreshed or replaced. If the receiver rejects the token,
/// the receiver's response is returned unchanged. If there is no caller's token, or it has
/// expired, the request fails with an [`AttachError`](crate::AttachError) and nothing is sent.
///
/// ```
/// # use passport_outbound::{AllowedOrigins, AttachTokenLayer, CallerIdentity};
/// let origins = AllowedOrigins::new(["https://api.bizfirst.ai"])?;
/// let layer = AttachTokenLayer::new(CallerIdentity::from_extensions(), origins);
/// # Ok::<(), passport_outbound::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct CallerIdentity {
    /// The token of [`from_token`](Self::from_token), or a token that was found in the extensions
    /// of a request of reqwest-middleware.
    pub(super) given: Option<CallerToken>,
    /// Whether the request's extensions were already searched for a token, by code that has access
    /// to them. If so, a missing token is reported as missing, not as unavailable extensions.
    pub(super) extensions_checked: bool,
    /// Whether the token is also read from the scope of the current task.
    uses_task_local: bool,
    clock: SharedClock,
}

impl CallerIdentity {
    /// Creates an identity that reads the [`CallerToken`] from the extensions of the outgoing
    /// request.
    ///
    /// Does not work with a `reqwest::Request`, because reqwest does not expose the extensions of a
    /// request. Such a request fails with
    /// [`AttachError::ExtensionsUnavailable`](crate::AttachError::ExtensionsUnavailable). With
    /// reqwest, use [`ManagedIdentityRequest::caller`](crate::ManagedIdentityRequest::caller) or
    /// [`from_task_local`](Self::from_task_local).
    #[must_use]
    pub fn from_extensions() -> Self {
        Self { given: None, extensions_checked: false, uses_task_local: false, clock: SharedClock::default() }
    }

    /// Creates an identity that reads the [`CallerToken`] from the extensions of the outgoing
    /// request, or else from the [`scope`](CallerToken::scope) of the current task. For code that
    /// cannot pass the token as an argument.
    ///
    /// A task that is spawned within the scope does not inherit the scope. The same applies to a
    /// service below a `tower::Buffer`, because the buffer calls the service in another task.
    #[must_use]
    pub fn from_task_local() -> Self {
        Self { uses_task_local: true, ..Self::from_extensions() }
    }

    /// Creates an identity that always uses the token of `caller`. For one request, or for a client
    /// that is created for one request.
    #[must_use]
    pub fn from_token(caller: CallerToken) -> Self {
        Self { given: Some(caller), ..Self::from_extensions() }
    }

    /// Returns an identity that uses `identity` for requests without a caller's token. For code
    /// that handles requests of callers and also runs on a schedule.
    ///
    /// If the caller's token has expired, the request fails. If the receiver rejects the caller's
    /// token, the rejection is returned. In both cases `identity` is not used, because callers
    /// could gain the rights of the service that way.
    ///
    /// **Caution:** `identity` is also used if the caller's token is lost by mistake, for example:
    ///
    /// - The inbound layer does not [forward](CallerToken) the token.
    /// - The extension was not copied to the outgoing request.
    /// - The request is sent in a spawned task.
    ///
    /// If every request has a caller, do not call `or`: then a request without a caller's token
    /// fails. The metric `passport_outbound_without_caller_total` counts the requests that use
    /// `identity`.
    #[must_use]
    pub fn or(self, identity: ManagedIdentity) -> Identity {
        Identity::CallerOr(self, identity)
    }

    /// Sets the clock against which the expiry of the caller's token is checked. Defaults to the
    /// operating system's clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Returns the caller's token. If there is none, returns `identity`, or an error if `identity`
    /// is `None`.
    pub(super) fn select_or<'a>(
        &self,
        request: Option<&Extensions>,
        identity: Option<&'a ManagedIdentity>,
    ) -> Result<SelectedIdentity<'a>, CallerTokenError> {
        if request.is_none() && !self.extensions_checked && self.given.is_none() && !self.uses_task_local {
            return Err(CallerTokenError::ExtensionsUnavailable);
        }
        match (self.authorization(request)?, identity) {
            (Some(authorization), _) => Ok(SelectedIdentity::Caller(authorization)),
            (None, Some(identity)) => {
                counter!(WITHOUT_CALLER, CLIENT_ID => identity.client_id().to_string()).increment(1);
                Ok(SelectedIdentity::Managed(identity))
            }
            (None, None) => Err(CallerTokenError::Missing),
        }
    }

    /// Returns the `Authorization` header with the caller's token. Returns `None` if there is no
    /// caller's token, and an error if the token has expired.
    fn authorization(&self, request: Option<&Extensions>) -> Result<Option<HeaderValue>, CallerTokenError> {
        let from_extensions = || request.and_then(|extensions| extensions.get::<CallerToken>()).cloned();
        let from_task_local = || CallerToken::current().filter(|_| self.uses_task_local);
        let Some(caller) = self.given.clone().or_else(from_extensions).or_else(from_task_local) else {
            return Ok(None);
        };
        if caller.token().expires_at() <= self.clock.now() {
            return Err(CallerTokenError::Expired);
        }
        Ok(Some(caller.token().authorization().clone()))
    }
}

/// The reason why a request cannot be sent with its caller's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallerTokenError {
    /// There is no caller's token, and [`CallerIdentity::or`] set no other identity.
    Missing,
    /// The caller's token has expired.
    Expired,
    /// The request does not expose its extensions, and neither [`CallerIdentity::from_token`] nor
    /// [`CallerIdentity::from_task_local`] is used.
    ExtensionsUnavailable,
}

impl fmt::Debug for CallerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerIdentity")
            .field("given", &self.given)
            .field("uses_task_local", &self.uses_task_local)
            .finish_non_exhaustive()
    }
}
