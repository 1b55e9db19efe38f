//! The identity of the caller, whose token is forwarded.

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderValue};
use metrics::counter;
use passport_core::{CallerToken, Clock, SystemClock};

use super::{Identity, ManagedIdentity, SelectedIdentity};
use crate::metrics::{CLIENT_ID, WITHOUT_CALLER};

/// The identity of the caller of this service. Requests are sent on behalf of the caller: its
/// token is forwarded unchanged.
///
/// The token is looked up in this order:
///
/// 1. the token of [`from_token`](Self::from_token);
/// 2. the [`CallerToken`] in the extensions of the outgoing request;
/// 3. the [`CallerToken`] of the task's [scope](CallerToken::scope), only with
///    [`from_task_local`](Self::from_task_local).
///
/// A caller's token is never cached, refreshed or replaced. If the receiver rejects it, its
/// response is returned unchanged. Without a caller token, or with an expired one, the request
/// fails with an [`AttachError`](crate::AttachError) and nothing is sent.
///
/// ```
/// # use passport_outbound::{AllowedOrigins, AttachTokenLayer, CallerIdentity};
/// let origins = AllowedOrigins::new(["https://api.bizfirst.ai"])?;
/// let layer = AttachTokenLayer::new(CallerIdentity::from_extensions(), origins);
/// # Ok::<(), passport_outbound::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct CallerIdentity {
    /// The token of [`from_token`](Self::from_token), or one that was found in the extensions.
    pub(super) given: Option<CallerToken>,
    /// Whether code with access to the request's extensions has searched them for a token already.
    /// If so, a missing token is not reported as unavailable extensions.
    pub(super) extensions_checked: bool,
    /// Whether the token is also read from the scope of the task.
    uses_task_local: bool,
    clock: Arc<dyn Clock>,
}

impl CallerIdentity {
    /// Reads the [`CallerToken`] from the extensions of the outgoing request.
    ///
    /// Does not work with a `reqwest::Request`, because reqwest does not expose its extensions: the
    /// request fails with
    /// [`AttachError::ExtensionsUnavailable`](crate::AttachError::ExtensionsUnavailable). With
    /// reqwest, use [`ManagedIdentityRequest::caller`](crate::ManagedIdentityRequest::caller) or
    /// [`from_task_local`](Self::from_task_local).
    #[must_use]
    pub fn from_extensions() -> Self {
        Self { given: None, extensions_checked: false, uses_task_local: false, clock: Arc::new(SystemClock) }
    }

    /// Reads the [`CallerToken`] from the extensions of the outgoing request, or from the
    /// [`scope`](CallerToken::scope) of the task. For code that cannot pass the token as an
    /// argument.
    ///
    /// A task that is spawned within the scope is outside the scope. So is a service below a
    /// `tower::Buffer`, which calls it in another task.
    #[must_use]
    pub fn from_task_local() -> Self {
        Self { uses_task_local: true, ..Self::from_extensions() }
    }

    /// Uses the token of `caller`, for one request or for a client that is created for one request.
    #[must_use]
    pub fn from_token(caller: CallerToken) -> Self {
        Self { given: Some(caller), ..Self::from_extensions() }
    }

    /// Uses `identity` for requests without a caller token. For code that serves requests and also
    /// runs on a schedule.
    ///
    /// If the caller's token has expired, or the receiver rejects it, `identity` is not used:
    /// callers could gain the rights of the service that way.
    ///
    /// **Caution:** `identity` is also used if the caller token is lost by mistake:
    ///
    /// - The inbound layer does not [forward](CallerToken) the token.
    /// - The extension was not copied to the outgoing request.
    /// - The request is sent in a spawned task.
    ///
    /// If every request has a caller, do not call `or`: such a mistake is then an error. The metric
    /// `passport_outbound_without_caller_total` counts the requests that use `identity`.
    #[must_use]
    pub fn or(self, identity: ManagedIdentity) -> Identity {
        Identity::CallerOr(self, identity)
    }

    /// Reads the time from `clock`. Defaults to the operating system's clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Returns the caller's token, or `identity` if there is no caller token.
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

    /// Returns the `Authorization` header with the caller's token, or `None` without a caller
    /// token.
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

/// The reason why a request cannot use its caller's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallerTokenError {
    /// There is no caller token, and no other identity is configured.
    Missing,
    /// The caller's token has expired.
    Expired,
    /// The request does not expose its extensions, and no other source is configured.
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
