//! Settings of an `AuthenticateLayer`.

use std::sync::Arc;

use http::Request;

use super::{bearer::bearer, credential_rules::CredentialRules};
use crate::{
    RejectionReason, Requirement,
    authorize::{Decision, RequestHead},
    response::rejection_config::RejectionConfig,
};

/// Settings of an [`AuthenticateLayer`](super::AuthenticateLayer).
#[derive(Clone, Debug, Default)]
pub(super) struct Config {
    pub(super) rejections: RejectionConfig,
    /// Whether the verified token is stored in the request's extensions, as a `CallerToken`.
    pub(super) forwards_token: bool,
    /// Whether the caller is recorded on the current span.
    pub(super) records_caller: bool,
    /// Settings that few layers have. They are behind a pointer, so that they do not enlarge other
    /// layers.
    pub(super) credential_rules: Option<Arc<CredentialRules>>,
    /// The requirement that callers must meet. It does not apply to public paths and CORS
    /// preflights.
    pub(super) requirement: Option<Requirement>,
}

impl Config {
    /// Returns the token of a request, from the locations that the layer is configured to read.
    /// Returns `None` if the request has no token.
    pub(super) fn token<'a, B>(&self, request: &'a Request<B>) -> Result<Option<&'a [u8]>, RejectionReason> {
        match &self.credential_rules {
            None => bearer(request.headers()),
            Some(rules) => rules.token(request),
        }
    }

    /// Decides whether the caller in the request's extensions meets the requirement. Without a
    /// requirement, the request is allowed.
    pub(super) fn authorize<B>(&self, request: &Request<B>) -> Decision {
        let head = || RequestHead::of(request);
        self.requirement.as_ref().map_or(Decision::Allow, |requirement| requirement.decide(head()))
    }
}
