//! The identity of a request: the service's own, or its caller's.

use http::{Extensions, HeaderValue};
#[cfg(feature = "reqwest-middleware")]
use passport_core::CallerToken;

use super::{CallerIdentity, CallerTokenError, ManagedIdentity};

/// The identity of a request: the service's own, or its caller's.
///
/// A layer has one identity. A request can set another one with [`RequestIdentity`]. Without a
/// caller's token, a request is never sent with the service's token instead, except with
/// [`CallerOr`](Self::CallerOr).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Identity {
    /// The service's own identity. The receiver authenticates a service account.
    Managed(ManagedIdentity),
    /// The caller's identity. The receiver authenticates the caller of this service.
    Caller(CallerIdentity),
    /// The caller's identity, or the service's own if there is no caller token. See
    /// [`CallerIdentity::or`].
    CallerOr(CallerIdentity, ManagedIdentity),
}

/// Overrides the layer's identity for one request. Insert it into the extensions of an
/// `http::Request`, or set it with `with_extension` on a request of `reqwest-middleware`.
///
/// An [`Identity`] in the extensions has no effect: applications may store one for other
/// purposes.
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
    /// Creates an override: the request is sent with the token of `identity`.
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
    /// The `Authorization` header of the caller's token.
    Caller(HeaderValue),
}

impl Identity {
    /// Returns the identity of a request. `request` contains its extensions, or is `None` if the
    /// client does not expose them.
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

    /// Returns the same identity with the caller token in `request`, the extensions that
    /// reqwest-middleware keeps for a `reqwest::Request`, which does not expose its own.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn with_caller_from(&self, request: &Extensions) -> Self {
        let mut identity = self.clone();
        if let Self::Caller(caller) | Self::CallerOr(caller, _) = &mut identity {
            caller.given = caller.given.take().or_else(|| request.get::<CallerToken>().cloned());
            caller.extensions_checked = true;
        }
        identity
    }

    /// Returns the service's own identity, or `None` if only the caller's token is used.
    pub(crate) fn managed(&self) -> Option<&ManagedIdentity> {
        match self {
            Self::Managed(identity) | Self::CallerOr(_, identity) => Some(identity),
            Self::Caller(_) => None,
        }
    }
}
