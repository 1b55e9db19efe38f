//! The caller of a request, as its verified token describes it.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;

use crate::jwt::claims::Claims;

/// A request extension that marks a request as anonymous: an `AuthenticateLayer` has forwarded
/// it without a caller, because the layer is optional, the path is public, or the request is a
/// CORS preflight. Without this mark and without an [`IdInfo`], there is no `AuthenticateLayer`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anonymous;

/// The verified caller of a request: a user or a service account.
///
/// Only the verification of a token creates this type, so its values can be trusted. It is
/// immutable and cheap to clone. In axum it is an extractor (feature `axum`). In tonic,
/// `request.id_info()` returns it (feature `tonic`). Elsewhere it is in the request's
/// extensions.
///
/// ```
/// use passport_inbound::IdInfo;
///
/// fn greeting<B>(request: &http::Request<B>) -> String {
///     match request.extensions().get::<IdInfo>() {
///         Some(caller) => format!("hello {}", caller.display_name()),
///         None => "hello stranger".to_owned(),
///     }
/// }
/// # assert_eq!(greeting(&http::Request::new(())), "hello stranger");
/// ```
#[derive(Clone)]
pub struct IdInfo(Arc<VerifiedToken>);

/// The content of a verified token, which all clones of an [`IdInfo`] share.
struct VerifiedToken {
    claims: Claims,
    /// When the verifier stops accepting the token: `exp` plus the clock skew.
    until: SystemTime,
    /// The payload of the token (JSON), which [`IdInfo::claims`] deserializes.
    payload: Vec<u8>,
}

impl IdInfo {
    /// Creates the caller from the token's claims and payload. The verifier rejects the token from
    /// `until` on. Outside tests, only the verification pipeline calls this function, after every
    /// check has passed.
    pub(crate) fn new(claims: Claims, payload: Vec<u8>, until: SystemTime) -> Self {
        Self(Arc::new(VerifiedToken { claims, until, payload }))
    }

    /// Returns the memory that the payload and the parsed claims use, in bytes. The token cache
    /// counts it towards its limit.
    pub(crate) fn size(&self) -> usize {
        self.0.payload.capacity() + self.0.claims.size()
    }

    /// Returns whether `self` and `other` are clones of the result of one verification.
    #[cfg(test)]
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the user id, or the client id of a managed identity (claim `sub`).
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.0.claims.sub().unwrap_or_default()
    }

    /// Returns the caller's tenant (claim `tenant_id`).
    ///
    /// Never use a tenant from a header or a body instead: any client can write one there.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        self.0.claims.tenant_id().unwrap_or_default()
    }

    /// Returns the caller's e-mail address (claim `email`). Managed identities have none.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.0.claims.email()
    }

    /// Returns a text to display: the name (claim `name`), else the e-mail address, else the user
    /// id.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.0.claims.name().or(self.email()).unwrap_or_else(|| self.user_id())
    }

    /// Returns the caller's roles at the time when the token was issued (claim `roles`).
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.0.claims.roles
    }

    /// Returns whether the caller has `role`. The comparison is case-sensitive.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().iter().any(|own| own == role)
    }

    /// Returns the permissions in the token (claim `permissions`). Tokens of managed identities
    /// have none.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.0.claims.permissions
    }

    /// Returns whether the caller is a managed identity: whether the claim `is_service_account` is
    /// the boolean `true`.
    #[must_use]
    pub fn is_service_account(&self) -> bool {
        self.0.claims.is_service_account
    }

    /// Returns the id of a managed identity in Passport's audit log (claim `managed_identity_id`).
    /// Returns `None` if the token has no such claim, as tokens of users.
    #[must_use]
    pub fn managed_identity_id(&self) -> Option<&str> {
        self.0.claims.managed_identity_id()
    }

    /// Returns the issuer of the token (claim `iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.claims.iss().unwrap_or_default()
    }

    /// Returns the audiences of the token (claim `aud`).
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.0.claims.aud
    }

    /// Returns the id of the token (claim `jti`), if the token has one.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.claims.jti()
    }

    /// Returns when the token was issued (claim `iat`).
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.0.claims.iat.map_or(SystemTime::UNIX_EPOCH, |date| date.0)
    }

    /// Returns when the token expires (claim `exp`). The verifier still accepts the token for the
    /// clock skew after that time, by default 60 s.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.0.claims.exp.map_or(SystemTime::UNIX_EPOCH, |date| date.0)
    }

    /// Returns when the verifier stops accepting the token: `exp` plus the clock skew.
    pub(crate) fn accepted_until(&self) -> SystemTime {
        self.0.until
    }

    /// Deserializes all claims of the token into `T`.
    ///
    /// # Errors
    /// If a claim that `T` requires is missing or has another type.
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
