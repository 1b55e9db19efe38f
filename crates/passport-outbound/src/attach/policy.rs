//! Decides whether a request may carry a token, and selects the identity whose token is
//! attached. Pure: no I/O, no clock.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use super::{AllowedOrigins, AttachError, OutboundRequest, allowed_origins::MatchedOrigin, host_header};
use crate::identity::{Identity, RequestIdentity};

/// What happens to a request that already has an `Authorization` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingAuthorization {
    /// The request fails with [`AttachError::AuthorizationPresent`]. This is the default, because
    /// with both alternatives a request can be sent with another identity than intended.
    #[default]
    Reject,
    /// The header is replaced by a header with the identity's token. If the header contained a
    /// user's token, the receiver then authenticates the layer's identity instead of the user.
    Overwrite,
    /// The request is sent with its own `Authorization` header, and only to allowed origins. The
    /// receiver authenticates the credentials in that header instead of the layer's identity. If
    /// the receiver rejects these credentials, the identity's token is not replaced.
    Keep,
}

/// The settings of a layer. All services of the layer, the clones of these services, and the
/// requests in flight share the settings.
#[derive(Clone, Debug)]
pub(super) struct AttachPolicy {
    pub(super) identity: Identity,
    pub(super) origins: AllowedOrigins,
    /// What happens to a request that already has an `Authorization` header.
    pub(super) existing: ExistingAuthorization,
}

impl ExistingAuthorization {
    /// Returns whether the header is replaced by a header with the token. Returns an error if the
    /// request must not be sent.
    fn is_replaced(self) -> Result<bool, AttachError> {
        match self {
            Self::Overwrite => Ok(true),
            Self::Keep => Ok(false),
            Self::Reject => Err(AttachError::AuthorizationPresent),
        }
    }
}

impl AttachPolicy {
    /// Returns the settings for `request`. If the request's extensions contain a
    /// [`RequestIdentity`], returns a copy of the settings with that identity.
    #[inline]
    pub(super) fn for_request(self: &Arc<Self>, request: &impl OutboundRequest) -> Arc<Self> {
        let named = request.extensions().and_then(|extensions| extensions.get::<RequestIdentity>());
        match named {
            None => Arc::clone(self),
            Some(RequestIdentity(identity)) => Arc::new(self.with_identity(identity.clone())),
        }
    }

    /// Returns a copy of the settings with `identity`.
    pub(super) fn with_identity(&self, identity: Identity) -> Self {
        Self { identity, origins: self.origins.clone(), existing: self.existing }
    }

    /// Checks the origin and the `Host` header of `request`. Returns the allowed origin that the
    /// request matched, or an error that says why it must not be sent.
    #[inline(always)] // has a single caller, but is not inlined by default
    pub(super) fn admit(&self, request: &impl OutboundRequest) -> Result<MatchedOrigin, AttachError> {
        let exact = request
            .scheme_and_authority()
            .and_then(|(scheme, authority)| self.origins.find_exact(scheme, authority));
        let origin = match exact {
            Some(origin) => origin,
            None => self.origins.check(&request.destination())?,
        };
        host_header::check(request.headers(), &self.origins, origin)?;
        Ok(origin)
    }

    /// Returns whether a token is attached to a request with these headers. Returns an error if the
    /// request must not be sent.
    pub(super) fn needs_token(&self, headers: &HeaderMap) -> Result<bool, AttachError> {
        if headers.contains_key(AUTHORIZATION) { self.existing.is_replaced() } else { Ok(true) }
    }

    /// Attaches a token to a request with these headers, if it [needs](Self::needs_token) one.
    /// Returns whether the token was attached. By default, looks the header up only once: if it was
    /// present, the request is not sent, so the header need not be kept.
    #[inline(always)] // a function call would move the result once more
    pub(super) fn attach(
        &self,
        headers: &mut HeaderMap,
        authorization: &HeaderValue,
    ) -> Result<bool, AttachError> {
        if self.existing == ExistingAuthorization::Keep && headers.contains_key(AUTHORIZATION) {
            return Ok(false);
        }
        let before = headers.insert(AUTHORIZATION, authorization.clone());
        if before.is_some() { self.existing.is_replaced() } else { Ok(true) }
    }
}
