use std::{fmt, sync::Arc};

use http::{Extensions, HeaderValue};
use metrics::counter;
use passport_core::{CallerToken, Clock, SystemClock};

use super::{Identity, ManagedIdentity, SelectedIdentity};
use crate::metrics::{CLIENT_ID, WITHOUT_CALLER};

/// The identity of the caller of this service. Its token is forwarded unchanged.
///
/// The token is looked up in this order: the [given](Self::given) one, the [`CallerToken`] in the
/// extensions of the outgoing request, and, with [`from_task_local`](Self::from_task_local), the task's
/// [scope](CallerToken::scope).
///
/// A caller's token is never cached, refreshed or replaced. A receiver's rejection is the response.
/// Without a caller, or once the token has expired, nothing is sent and the request fails with an
/// [`AttachError`](crate::AttachError).
///
/// ```
/// # use passport_outbound::{AllowedOrigins, AttachTokenLayer, CallerIdentity};
/// let layer = AttachTokenLayer::new(CallerIdentity::from_extensions(), AllowedOrigins::new(["https://api.bizfirst.ai"])?);
/// # Ok::<(), passport_outbound::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct CallerIdentity {
    pub(super) given: Option<CallerToken>,
    /// Whether the extensions of the request were checked already, by code that can see them.
    pub(super) extensions_checked: bool,
    uses_task_local: bool,
    clock: Arc<dyn Clock>,
}

impl CallerIdentity {
    /// Takes the caller from the [`CallerToken`] in the extensions of the outgoing request. reqwest
    /// does not expose the extensions of a `reqwest::Request`, so with reqwest such a request fails
    /// with [`AttachError::ExtensionsUnavailable`](crate::AttachError::ExtensionsUnavailable): use
    /// [`ManagedIdentityRequest::caller`](crate::ManagedIdentityRequest::caller) or
    /// [`from_task_local`](Self::from_task_local).
    #[must_use]
    pub fn from_extensions() -> Self {
        Self { given: None, extensions_checked: false, uses_task_local: false, clock: Arc::new(SystemClock) }
    }

    /// Takes the caller from the extensions, or from the [`scope`](CallerToken::scope) of the task,
    /// for code that cannot pass the token on. A task that is spawned within the scope is not in
    /// it, nor is a call below a `tower::Buffer`, which calls the service in its own task.
    #[must_use]
    pub fn from_task_local() -> Self {
        Self { uses_task_local: true, ..Self::from_extensions() }
    }

    /// Uses this caller, for one request or for a client that lives no longer than that.
    #[must_use]
    pub fn from_token(caller: CallerToken) -> Self {
        Self { given: Some(caller), ..Self::from_extensions() }
    }

    /// Uses `identity` if there is no caller: for code that serves requests and also runs on a
    /// schedule.
    ///
    /// It applies only if there is no caller. A caller whose token has expired, or is rejected by
    /// the receiver, does not become the service: callers could use its rights that way.
    ///
    /// **Caution:** a caller token that was lost looks like no caller: the inbound layer does not
    /// [forward](CallerToken) it, an extension was not copied, a task was spawned. Where there is
    /// always a caller, leave this out, and such a mistake is an error. Requests that go out as the
    /// service are counted (`passport_outbound_without_caller_total`).
    #[must_use]
    pub fn or(self, identity: ManagedIdentity) -> Identity {
        Identity::CallerOr(self, identity)
    }

    /// Reads the time from `clock`. Defaults to the operating system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Selects the caller, or `identity` if there is no caller.
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

    /// Returns the `Authorization` header of the caller's token, if there is a caller.
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

/// The reason why a request cannot go out in its caller's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallerTokenError {
    Missing,
    Expired,
    /// The request does not expose its extensions, and the caller is looked up nowhere else.
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
