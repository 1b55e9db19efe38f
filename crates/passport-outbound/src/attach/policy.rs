//! Decides whether a request may carry a token, and selects the identity whose token is
//! attached. Pure: no I/O, no clock.

use std::sync::Arc;

use http::header::AUTHORIZATION;

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

/// How an allowed request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttachDecision {
    /// With the token of the identity. Contains the allowed origin that the request matched.
    WithToken(MatchedOrigin),
    /// Unchanged, with the request's own `Authorization` header.
    Unchanged,
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

    /// Checks the origin and the headers of `request`. Returns how to send the request, or an error
    /// that says why it must not be sent.
    #[inline(always)] // has a single caller, but is not inlined by default
    pub(super) fn admit(&self, request: &impl OutboundRequest) -> Result<AttachDecision, AttachError> {
        let exact = request
            .scheme_and_authority()
            .and_then(|(scheme, authority)| self.origins.find_exact(scheme, authority));
        let origin = match exact {
            Some(origin) => origin,
            None => self.origins.check(&request.destination())?,
        };
        if request.headers().is_empty() {
            return Ok(AttachDecision::WithToken(origin));
        }
        host_header::check(request.headers(), &self.origins, origin)?;
        match (request.headers().contains_key(AUTHORIZATION), self.existing) {
            (false, _) | (true, ExistingAuthorization::Overwrite) => Ok(AttachDecision::WithToken(origin)),
            (true, ExistingAuthorization::Keep) => Ok(AttachDecision::Unchanged),
            (true, ExistingAuthorization::Reject) => Err(AttachError::AuthorizationPresent),
        }
    }
}
