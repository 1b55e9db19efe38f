//! Decides whether a request may carry a token, and selects its identity. Pure: no I/O, no
//! clock.

use std::sync::Arc;

use http::header::AUTHORIZATION;

use super::{AllowedOrigins, AttachError, OutboundRequest, allowed_origins::MatchedOrigin, host_header};
use crate::identity::{Identity, RequestIdentity};

/// What happens to a request that has an `Authorization` header already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingAuthorization {
    /// The request fails with [`AttachError::AuthorizationPresent`]. The default, because both
    /// alternatives can change the identity of a call by mistake.
    #[default]
    Reject,
    /// The header is replaced by the identity's token. A request with a user's token is then sent
    /// in the service's own identity.
    Overwrite,
    /// The request is sent with its own header, to allowed origins only. The receiver authenticates
    /// the credentials in that header instead of the layer's identity. If the receiver rejects
    /// them, the identity's token is not replaced.
    Keep,
}

/// The settings of a layer. All its services, their clones and the requests in flight share
/// them.
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
    /// With a token. Contains the allowed origin of the request.
    WithToken(MatchedOrigin),
    /// With its own `Authorization` header.
    Unchanged,
}

impl AttachPolicy {
    /// Returns the settings for `request`: the same, or with the [`RequestIdentity`] in its
    /// extensions.
    #[inline]
    pub(super) fn for_request(self: &Arc<Self>, request: &impl OutboundRequest) -> Arc<Self> {
        let named = request.extensions().and_then(|extensions| extensions.get::<RequestIdentity>());
        match named {
            None => Arc::clone(self),
            Some(RequestIdentity(identity)) => Arc::new(self.with_identity(identity.clone())),
        }
    }

    /// Returns the same settings with another identity.
    pub(super) fn with_identity(&self, identity: Identity) -> Self {
        Self { identity, origins: self.origins.clone(), existing: self.existing }
    }

    /// Checks the origin and the headers of `request`. Returns how to send it, or the reason why it
    /// must not be sent.
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
