//! Which requests may carry a token, and whose. Pure.

use std::sync::Arc;

use http::header::AUTHORIZATION;

use super::{AllowedOrigins, AttachError, OutboundRequest, allowed_origins::MatchedOrigin, host_header};
use crate::identity::{Identity, RequestIdentity};

/// What happens to a request that has an `Authorization` header already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingAuthorization {
    /// The request fails with [`AttachError::AuthorizationPresent`]. The default: keeping the
    /// header could turn the service's call into a user's, replacing it a user's call into the
    /// service's. Either should be a decision.
    #[default]
    Reject,
    /// The header is replaced by the identity's token: each call is the service's, whatever header
    /// the caller set.
    Overwrite,
    /// The request is sent unchanged, to allowed origins. A rejection of its token does not affect
    /// the identity.
    Keep,
}

/// The identity, the allowed origins and the settings of a layer. Shared by all clones of a
/// service and by its requests in flight.
#[derive(Clone, Debug)]
pub(super) struct AttachPolicy {
    pub(super) identity: Identity,
    pub(super) origins: AllowedOrigins,
    pub(super) existing: ExistingAuthorization,
}

/// How a request that passes is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttachDecision {
    /// With a token, to this origin.
    WithToken(MatchedOrigin),
    /// As it is.
    Unchanged,
}

impl AttachPolicy {
    /// Returns the policy for `request`, whose extensions may name another identity.
    #[inline]
    pub(super) fn for_request(self: &Arc<Self>, request: &impl OutboundRequest) -> Arc<Self> {
        let named = request.extensions().and_then(|extensions| extensions.get::<RequestIdentity>());
        match named {
            None => Arc::clone(self),
            Some(RequestIdentity(identity)) => Arc::new(self.with_identity(identity.clone())),
        }
    }

    /// Returns the same policy for another identity.
    pub(super) fn with_identity(&self, identity: Identity) -> Self {
        Self { identity, origins: self.origins.clone(), existing: self.existing }
    }

    /// Checks the origin and the headers of `request`.
    #[inline(always)] // the compiler does not see that it has one caller
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
