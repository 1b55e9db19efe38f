//! The identity of a request: the service's own, or its caller's.

use http::{Extensions, HeaderValue};
#[cfg(feature = "reqwest-middleware")]
use passport_core::CallerToken;

use super::{CallerIdentity, CallerTokenError, ManagedIdentity};

/// The identity of a request: the service's own, or its caller's.
///
/// A layer has one identity; a request may name another ([`RequestIdentity`]). Neither is replaced by
/// the other implicitly.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Identity {
    /// The service's own identity: the receiver sees a service account.
    Managed(ManagedIdentity),
    /// The caller's identity: the receiver sees the caller of this service.
    Caller(CallerIdentity),
    /// The caller's identity, or the service's own if there is no caller. See
    /// [`CallerIdentity::or`].
    CallerOr(CallerIdentity, ManagedIdentity),
}

/// The identity of one request, instead of that of its layer. Insert it into the extensions of an
/// `http::Request`, or of a request of `reqwest-middleware`.
///
/// It is a separate type, so that an [`Identity`] that an application stores in extensions has no
/// effect here.
///
/// ```
/// # use passport_outbound::{CallerIdentity, RequestIdentity, ManagedIdentity};
/// # fn example(mut request: http::Request<()>, nightly: ManagedIdentity) {
/// request.extensions_mut().insert(RequestIdentity::new(nightly));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RequestIdentity(pub(crate) Identity);

impl RequestIdentity {
    /// Selects `identity`.
    #[must_use]
    pub fn new(identity: impl Into<Identity>) -> Self {
        Self(identity.into())
    }
}

impl From<ManagedIdentity> for Identity {
    fn from(identity: ManagedIdentity) -> Self {
        Self::Managed(identity)
    }
}

impl From<CallerIdentity> for Identity {
    fn from(caller: CallerIdentity) -> Self {
        Self::Caller(caller)
    }
}

/// The identity whose token a request gets.
#[derive(Debug)]
pub(crate) enum SelectedIdentity<'a> {
    Managed(&'a ManagedIdentity),
    /// The `Authorization` header of the caller's token.
    Caller(HeaderValue),
}

impl Identity {
    /// Selects the identity of a request with these extensions.
    #[inline] // the common case is one comparison, in the hottest path there is
    pub(crate) fn select(
        &self,
        request: Option<&Extensions>,
    ) -> Result<SelectedIdentity<'_>, CallerTokenError> {
        match self {
            Self::Managed(identity) => Ok(SelectedIdentity::Managed(identity)),
            Self::Caller(caller) => caller.select_or(request, None),
            Self::CallerOr(caller, identity) => caller.select_or(request, Some(identity)),
        }
    }

    /// Returns the same identity with the caller in `request`, for a request that does not expose
    /// its own extensions.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn with_caller_from(&self, request: &Extensions) -> Self {
        let mut identity = self.clone();
        if let Self::Caller(caller) | Self::CallerOr(caller, _) = &mut identity {
            caller.given = caller.given.take().or_else(|| request.get::<CallerToken>().cloned());
            caller.extensions_checked = true;
        }
        identity
    }

    /// Returns the service's own identity, if a request may use it.
    pub(crate) fn managed(&self) -> Option<&ManagedIdentity> {
        match self {
            Self::Managed(identity) | Self::CallerOr(_, identity) => Some(identity),
            Self::Caller(_) => None,
        }
    }
}
