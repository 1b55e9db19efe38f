//! A denial of the older tokens of a subject.

use std::time::SystemTime;

/// Refuses the tokens of a caller that were issued before a time.
///
/// A token is refused if its issuer and the subject match, and if its `iat` is not after
/// [`issued_before`](Self::issued_before()). Both times count in whole seconds, as in most tokens:
/// a token that was issued in the same second as the event is refused. A user who signs in again
/// within that second has to fetch another token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a denial has no effect until it is passed to `DenyList::deny`"]
pub struct Denial {
    pub(super) issuer: String,
    pub(super) subject: DeniedSubject,
    pub(super) tenant: Option<String>,
    pub(super) issued_before: SystemTime,
    pub(super) expires_at: Option<SystemTime>,
}

/// The subject of the tokens that a [`Denial`] refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeniedSubject {
    /// The user or the service account with this id: the [`user_id`](crate::IdInfo::user_id), or
    /// the claim `sub` of the token.
    Subject(String),
    /// The same, but only tokens without a session id (`sid`). Together with
    /// [`Session`](Self::Session) it ends one session of a user, at issuers with and without `sid`
    /// in access tokens.
    SubjectWithoutSession(String),
    /// All tokens of the session with this id (claim `sid`).
    Session(String),
    /// One token, by its id (claim `jti`).
    TokenId(String),
    /// The managed identity with this id in Passport's audit log (claim `managed_identity_id`).
    ManagedIdentity(String),
    /// All callers of this tenant: the [`tenant_id`](crate::IdInfo::tenant_id).
    Tenant(String),
}

impl Denial {
    /// Creates a denial of the tokens that `issuer`, the exact `iss` of the tokens, has issued for
    /// `subject` until `issued_before`. A denial never concerns tokens of another issuer.
    ///
    /// A time more than ten minutes ahead of the clock counts as ten minutes ahead: a denial
    /// refuses tokens that exist. To ban a caller, use
    /// [`reject_if`](crate::TokenVerifierBuilder::reject_if).
    pub fn new(issuer: impl Into<String>, subject: DeniedSubject, issued_before: SystemTime) -> Self {
        Self { issuer: issuer.into(), subject, tenant: None, issued_before, expires_at: None }
    }

    /// Sets the tenant of the subject. If the list is full, the list can then refuse the older
    /// tokens of this tenant instead of those of all callers of the issuer
    /// ([`FullPolicy::RefuseTenant`](crate::FullPolicy::RefuseTenant)). Defaults to unknown.
    ///
    /// Set it only if all tokens of the subject are of this tenant: a full list would accept its
    /// tokens of other tenants again. If denials of one subject have different tenants, its tenant
    /// counts as unknown.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets when the list forgets the denial. Defaults to the time at which the last denied token
    /// has expired: [`retention`](crate::DenyListBuilder::retention) after the later one of
    /// `issued_before` and the current time.
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// Returns the issuer of the refused tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the subject of the refused tokens.
    #[must_use]
    pub fn subject(&self) -> &DeniedSubject {
        &self.subject
    }

    /// Returns the time until which refused tokens were issued.
    #[must_use]
    pub fn issued_before(&self) -> SystemTime {
        self.issued_before
    }
}
