use std::sync::Arc;

use http::header::AUTHORIZATION;

use super::{AllowedOrigins, AttachError, OutboundRequest, allowed_origins::Matched, host_header};
use crate::identity::{Identity, InTheNameOf};

/// What becomes of a request that carries an `Authorization` header already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingAuthorization {
    /// It fails with [`AttachError::AuthorizationPresent`]. The default: keeping the header could turn the service's call
    /// into a user's, replacing it a user's call into the service's. Either should be somebody's decision.
    #[default]
    Refuse,
    /// The header is replaced by the identity's token: each call is the service's, whatever the caller says.
    Replace,
    /// It goes out as it is, to allowed origins; a refusal of it is none of the identity's business.
    Respect,
}

/// Whose token goes where. Shared by all clones of a service and by the requests that are on their way.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) identity: Identity,
    pub(super) origins: AllowedOrigins,
    pub(super) existing: ExistingAuthorization,
}

/// What a request that may go out needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// The token, for this origin.
    Token(Matched),
    Nothing,
}

impl Rules {
    /// The rules for `request`, which may name another identity.
    #[inline]
    pub(super) fn of(self: &Arc<Self>, request: &impl OutboundRequest) -> Arc<Self> {
        let named = request.extensions().and_then(|extensions| extensions.get::<InTheNameOf>());
        match named {
            None => Arc::clone(self),
            Some(InTheNameOf(identity)) => Arc::new(self.with(identity.clone())),
        }
    }

    /// The same rules for another identity.
    pub(super) fn with(&self, identity: Identity) -> Self {
        Self { identity, origins: self.origins.clone(), existing: self.existing }
    }

    /// Whether `request` may go out, and with what.
    #[inline(always)] // the compiler does not see that it has one caller
    pub(super) fn admit(&self, request: &impl OutboundRequest) -> Result<Needs, AttachError> {
        let origin =
            match request.spelled().and_then(|(scheme, authority)| self.origins.spelled(scheme, authority)) {
                Some(origin) => origin,
                None => self.origins.check(&request.destination())?,
            };
        if request.headers().is_empty() {
            return Ok(Needs::Token(origin));
        }
        host_header::check(request.headers(), &self.origins, origin)?;
        match (request.headers().contains_key(AUTHORIZATION), self.existing) {
            (false, _) | (true, ExistingAuthorization::Replace) => Ok(Needs::Token(origin)),
            (true, ExistingAuthorization::Respect) => Ok(Needs::Nothing),
            (true, ExistingAuthorization::Refuse) => Err(AttachError::AuthorizationPresent),
        }
    }
}
