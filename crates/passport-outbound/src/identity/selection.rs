//! In whose name a request goes out.

use http::{Extensions, HeaderValue};
#[cfg(feature = "reqwest-middleware")]
use passport_core::CallerToken;

use super::{CallerIdentity, ManagedIdentity};
use crate::AttachError;

/// In whose name a request goes out: the service's own, or its caller's.
///
/// A layer has one; a request may have another ([`InTheNameOf`]). Which one it is, somebody says; nothing here falls back
/// from the one to the other by itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Identity {
    /// The service's own name: the receiver sees a service account.
    Managed(ManagedIdentity),
    /// The caller's name: the receiver sees who called this service.
    Caller(CallerIdentity),
    /// The caller's name if there is a caller, and the service's own if there is none. See [`CallerIdentity::or`].
    CallerOr(CallerIdentity, ManagedIdentity),
}

/// In whose name one request goes out, whatever its layer says: for the extensions of an `http::Request`, or of a request of
/// `reqwest-middleware`.
///
/// It is a type of its own, so that an [`Identity`] that an application keeps in extensions for itself means nothing here.
///
/// ```
/// # use passport_outbound::{CallerIdentity, InTheNameOf, ManagedIdentity};
/// # fn example(mut request: http::Request<()>, nightly: ManagedIdentity) {
/// request.extensions_mut().insert(InTheNameOf::new(nightly));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct InTheNameOf(pub(crate) Identity);

impl InTheNameOf {
    /// The name of `identity`.
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

/// Whose token a request gets.
#[derive(Debug)]
pub(crate) enum Whose<'a> {
    Service(&'a ManagedIdentity),
    /// As it goes out.
    Caller(HeaderValue),
}

impl Identity {
    /// Whose token a request with these extensions gets.
    #[inline] // the common case is one look, in the hottest path there is
    pub(crate) fn whose(&self, request: Option<&Extensions>) -> Result<Whose<'_>, AttachError> {
        match self {
            Self::Managed(identity) => Ok(Whose::Service(identity)),
            Self::Caller(caller) => caller.or_else(request, None),
            Self::CallerOr(caller, identity) => caller.or_else(request, Some(identity)),
        }
    }

    /// The same, with the caller that is in `request`, for a request that cannot carry one itself.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn seen_from(&self, request: &Extensions) -> Self {
        let mut identity = self.clone();
        if let Self::Caller(caller) | Self::CallerOr(caller, _) = &mut identity {
            caller.given = caller.given.take().or_else(|| request.get::<CallerToken>().cloned());
            caller.looked = true;
        }
        identity
    }

    /// The service's own, if it may come to that.
    pub(crate) fn managed(&self) -> Option<&ManagedIdentity> {
        match self {
            Self::Managed(identity) | Self::CallerOr(_, identity) => Some(identity),
            Self::Caller(_) => None,
        }
    }
}
