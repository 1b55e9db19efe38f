//! Settings of an `AuthenticateLayer`.

use http::{Request, header::AUTHORIZATION};

use super::{
    bearer::{bearer, bearer_marked},
    credential_rules::CredentialRules,
};
use crate::{
    RejectionReason, Requirement, TokenVerifier,
    authorize::{Decision, RequestHead},
    response::rejection_config::RejectionConfig,
};

/// Settings of an [`AuthenticateLayer`](super::AuthenticateLayer).
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) verifier: TokenVerifier,
    /// Whether requests without a token are forwarded as anonymous.
    pub(super) is_optional: bool,
    pub(super) rejections: RejectionConfig,
    /// Whether the verified token is stored in the request's extensions, as a `CallerToken`.
    pub(super) forwards_token: bool,
    /// Whether the caller is recorded on the current span.
    pub(super) records_caller: bool,
    /// Settings that few layers have.
    pub(super) credential_rules: Option<CredentialRules>,
    /// The requirement that callers must meet. It does not apply to public paths and CORS
    /// preflights.
    pub(super) requirement: Option<Requirement>,
}

impl Config {
    pub(super) fn new(verifier: TokenVerifier) -> Self {
        Self {
            verifier,
            is_optional: false,
            rejections: RejectionConfig::default(),
            forwards_token: false,
            records_caller: false,
            credential_rules: None,
            requirement: None,
        }
    }

    /// Returns the token as [`token`](Self::token) does, and marks the `Authorization` header as
    /// sensitive, so that it is not logged.
    pub(super) fn token_marked<'a, B>(
        &self,
        request: &'a mut Request<B>,
    ) -> Result<Option<&'a [u8]>, RejectionReason> {
        let Some(rules) = &self.credential_rules else { return bearer_marked(request.headers_mut()) };
        if let Some(authorization) = request.headers_mut().get_mut(AUTHORIZATION) {
            authorization.set_sensitive(true);
        }
        rules.token(request)
    }

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
