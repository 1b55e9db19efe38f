use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;

use crate::jwt::claims::Claims;

/// A request extension: an `AuthenticateLayer` that requires no token has found none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anonymous;

/// Who calls: a user or a service account, verified.
///
/// Immutable and cheap to clone. It can only come from a verified token, so its values can be
/// trusted. In axum it is an extractor (feature `axum`); everywhere else it is in the request's
/// extensions.
#[derive(Clone)]
pub struct IdInfo(Arc<VerifiedToken>);

struct VerifiedToken {
    claims: Claims,
    /// When the verifier stops accepting the token, the clock skew included.
    until: SystemTime,
    /// The payload as it was signed, for [`IdInfo::claims`].
    payload: Vec<u8>,
}

impl IdInfo {
    /// Only the verification pipeline calls this, after every check has passed.
    pub(crate) fn new(claims: Claims, payload: Vec<u8>, until: SystemTime) -> Self {
        Self(Arc::new(VerifiedToken { claims, until, payload }))
    }

    /// Returns the memory in use, in bytes: of the claims as text and as values.
    pub(crate) fn size(&self) -> usize {
        self.0.payload.capacity() + self.0.claims.size()
    }

    /// Returns whether both come from the same verification.
    #[cfg(test)]
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The user, or the client id of a managed identity (`sub`).
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.0.claims.sub().unwrap_or_default()
    }

    /// The tenant (`tenant_id`). Take it from here only, never from a header or a body.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        self.0.claims.tenant_id().unwrap_or_default()
    }

    /// The mail address, which managed identities do not have.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.0.claims.email()
    }

    /// Something to show: the name, or the mail address, or the user id.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.0.claims.name().or(self.email()).unwrap_or_else(|| self.user_id())
    }

    /// The roles at the time of issue.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.0.claims.roles
    }

    /// Whether `role` is among the roles, compared exactly.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().iter().any(|own| own == role)
    }

    /// The permissions in the token. Tokens of managed identities have none.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.0.claims.permissions
    }

    /// Whether a managed identity calls: the claim `is_service_account` is the boolean `true`.
    #[must_use]
    pub fn is_service_account(&self) -> bool {
        self.0.claims.is_service_account
    }

    /// The id under which audit logs know a managed identity.
    #[must_use]
    pub fn managed_identity_id(&self) -> Option<&str> {
        self.0.claims.managed_identity_id()
    }

    /// The issuer (`iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.claims.iss().unwrap_or_default()
    }

    /// Whom the token is for (`aud`).
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.0.claims.aud
    }

    /// The token's own id (`jti`).
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.claims.jti()
    }

    /// When the token was issued (`iat`).
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.0.claims.iat.map_or(SystemTime::UNIX_EPOCH, |date| date.0)
    }

    /// When the token ends (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.0.claims.exp.map_or(SystemTime::UNIX_EPOCH, |date| date.0)
    }

    /// Returns when the verifier stops accepting the token: `exp` and the tolerated clock skew.
    pub(crate) fn accepted_until(&self) -> SystemTime {
        self.0.until
    }

    /// All claims of the token, as a type of your own.
    ///
    /// # Errors
    /// When the claims do not fit the type.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0.payload)
    }
}

impl fmt::Debug for IdInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdInfo")
            .field("user_id", &self.user_id())
            .field("tenant_id", &self.tenant_id())
            .field("is_service_account", &self.is_service_account())
            .field("managed_identity_id", &self.managed_identity_id())
            .field("roles", &self.roles())
            .finish_non_exhaustive()
    }
}
