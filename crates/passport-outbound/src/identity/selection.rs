//! The identity of a request: the service's own, or its caller's.

use http::{Extensions, HeaderValue};
#[cfg(feature = "reqwest-middleware")]
use passport_core::CallerToken;

use super::{CallerIdentity, CallerTokenError, ManagedIdentity};

/// The identity of a request: the service's own, or its caller's.
///
/// A layer has one identity. A [`RequestIdentity`] sets another identity for one request. With
/// [`Caller`](Self::Caller), a request without a caller's token fails. Only with
/// [`CallerOr`](Self::CallerOr), such a request is sent with the service's own token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Identity {
    /// The service's own identity. The receiver authenticates this service.
    Managed(ManagedIdentity),
    /// The identity of the caller, the client that sent the request that this service handles. The
    /// receiver authenticates the caller.
    Caller(CallerIdentity),
    /// The caller's identity. If there is no caller's token, the service's own identity. See
    /// [`CallerIdentity::or`].
    CallerOr(CallerIdentity, ManagedIdentity),
}

/// Overrides the layer's identity for one request. Insert the override into the extensions of an
/// `http::Request`, or set it with `with_extension` on a request of `reqwest-middleware`.
///
/// An [`Identity`] that is itself in the extensions has no effect, because applications may
/// store one for other purposes.
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
    /// Creates an override with which the request is sent with a token of `identity`.
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

/// The identity that was selected for a request.
#[derive(Debug)]
pub(crate) enum SelectedIdentity<'a> {
    Managed(&'a ManagedIdentity),
    /// The value of the `Authorization` header with the caller's token.
    Caller(HeaderValue),
}

impl Identity {
    /// Returns the identity to use for one request, and in the case of a caller, the
    /// `Authorization` header. `request` is the request's extensions, or `None` if the client does
    /// not expose them.
    #[inline] // runs for each request, and is usually one comparison
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

    /// Returns a copy of this identity that uses the caller's token in `request`, unless a token
    /// was already set with [`CallerIdentity::from_token`]. `request` is the extensions that
    /// reqwest-middleware keeps for a `reqwest::Request`, because reqwest does not expose its own.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn with_caller_from(&self, request: &Extensions) -> Self {
        let mut identity = self.clone();
        if let Self::Caller(caller) | Self::CallerOr(caller, _) = &mut identity {
            caller.given = caller.given.take().or_else(|| request.get::<CallerToken>().cloned());
            caller.extensions_checked = true;
        }
        identity
    }

    /// Returns the service's own identity. Returns `None` if the requests use only the caller's
    /// token.
    pub(crate) fn managed(&self) -> Option<&ManagedIdentity> {
        match self {
            Self::Managed(identity) | Self::CallerOr(_, identity) => Some(identity),
            Self::Caller(_) => None,
        }
    }
}
