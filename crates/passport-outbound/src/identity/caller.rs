use std::{fmt, sync::Arc};

use http::{Extensions, HeaderValue};
use metrics::counter;
use passport_core::{CallerToken, Clock, SystemClock};

use super::{Identity, ManagedIdentity, SelectedIdentity};
use crate::metrics::{CLIENT_ID, WITHOUT_CALLER};

/// The identity of whoever calls this service: its token is passed on, as it came.
///
/// Where the token is taken from, in this order: what was [given](Self::given), the extensions of
/// the request that goes out (a [`CallerToken`] in them), and, if [asked for](Self::of_task), the
/// task's [scope](CallerToken::scope).
///
/// A caller's token is never kept, never refreshed, and never replaced when a receiver refuses it:
/// that refusal is the answer. Without a caller, or once the token has expired, nothing is sent and
/// the request fails with an [`AttachError`](crate::AttachError).
///
/// ```
/// # use passport_outbound::{AllowedOrigins, AttachTokenLayer, CallerIdentity};
/// let layer = AttachTokenLayer::new(CallerIdentity::of_request(), AllowedOrigins::new(["https://api.bizfirst.ai"])?);
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
    /// The caller whose [`CallerToken`] is in the extensions of the request that goes out. A
    /// `reqwest::Request` shows nobody its extensions, so with reqwest such a request fails with
    /// [`AttachError::CallerUnseen`](crate::AttachError::CallerUnseen): take
    /// [`ManagedIdentityRequest::caller`](crate::ManagedIdentityRequest::caller), or
    /// [`of_task`](Self::of_task).
    #[must_use]
    pub fn of_request() -> Self {
        Self { given: None, extensions_checked: false, uses_task_local: false, clock: Arc::new(SystemClock) }
    }

    /// The same, or else the caller in whose [`scope`](CallerToken::scope) the request is made. For
    /// code that cannot hand the token on. Mind that what is spawned within the scope is outside of
    /// it, and so is a call below a `tower::Buffer`, which makes its calls in a task of its own.
    #[must_use]
    pub fn of_task() -> Self {
        Self { uses_task_local: true, ..Self::of_request() }
    }

    /// This caller, for one request or a client that lives no longer than it.
    #[must_use]
    pub fn given(caller: CallerToken) -> Self {
        Self { given: Some(caller), ..Self::of_request() }
    }

    /// The caller's identity if there is a caller, and otherwise the service's own: for code that
    /// serves requests and runs on a schedule, too.
    ///
    /// Only the absence of a caller is made up for. A caller whose token has expired, or is refused
    /// by the receiver, does not become the service: that would let callers borrow its rights.
    ///
    /// **Mind** that a caller who was lost on the way looks like none: an inbound layer that was
    /// not told to [hand on](CallerToken) the token, an extension that was not copied, a task that
    /// was spawned. Where there is always a caller, leave this out, and such a mistake is an error.
    /// Each request that is to go out as the service is counted
    /// (`passport_outbound_without_caller_total`).
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
        let of_request = || request.and_then(|extensions| extensions.get::<CallerToken>()).cloned();
        let of_task = || CallerToken::current().filter(|_| self.uses_task_local);
        let Some(caller) = self.given.clone().or_else(of_request).or_else(of_task) else { return Ok(None) };
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
