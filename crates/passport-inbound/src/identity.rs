//! The caller of a request, as the claims of its verified token describe the caller.

mod introspection;
mod revocation;

use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;

pub(crate) use self::revocation::Revocation;
use crate::{issuers::IssuerName, jwt::claims::Claims};

/// A request extension that marks a request as anonymous. An `AuthenticateLayer` adds the mark
/// when it forwards a request without a caller, for one of these reasons:
///
/// - The layer is optional, and the request has no token.
/// - The path is public.
/// - The request is a CORS preflight.
///
/// If a request has neither this mark nor an [`IdInfo`], no `AuthenticateLayer` has forwarded
/// it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anonymous;

/// The verified caller of a request: a user or a service account.
///
/// Only the verification of a token creates an `IdInfo`, so its values can be trusted. An
/// `IdInfo` is immutable and cheap to clone.
///
/// In axum, `IdInfo` is an extractor (feature `axum`). In tonic, `request.id_info()` returns the
/// `IdInfo` (feature `tonic`). With other frameworks, read the `IdInfo` from the request's
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
pub struct IdInfo {
    verified: Arc<VerifiedToken>,
    /// When the request of the caller arrived, in the order of the calls to the issuer. 0 if the
    /// issuer cannot be asked about the token.
    arrival: u64,
}

/// The content of a verified token, which all clones of an [`IdInfo`] share.
struct VerifiedToken {
    claims: Claims,
    /// When the verifier stops accepting the token: `exp` plus the clock skew.
    until: SystemTime,
    /// The payload of the token (JSON), which [`IdInfo::claims`] deserializes.
    payload: Vec<u8>,
    source: CallerSource,
    revocation: Revocation,
}

/// The trusted issuer that has issued a token.
#[derive(Clone, Debug)]
pub(crate) struct CallerSource {
    pub(crate) issuer: IssuerName,
    /// Whether the issuer is another identity provider than Passport.
    pub(crate) is_external: bool,
}

impl IdInfo {
    /// Creates the caller from the token's claims and payload. `until` is the time from which the
    /// verifier rejects the token. Outside tests, only the verification pipeline calls this
    /// function, after every check has passed.
    pub(crate) fn new(
        claims: Claims,
        payload: Vec<u8>,
        until: SystemTime,
        source: CallerSource,
        revocation: Revocation,
    ) -> Self {
        let verified = VerifiedToken { claims, until, payload, source, revocation };
        Self { verified: Arc::new(verified), arrival: 0 }
    }

    /// Creates the caller of a token of Passport, for tests.
    #[cfg(test)]
    pub(crate) fn of_passport(claims: Claims, payload: Vec<u8>, until: SystemTime) -> Self {
        let source = CallerSource { issuer: IssuerName::new("passport"), is_external: false };
        Self::new(claims, payload, until, source, Revocation::default())
    }

    /// Returns the memory that the payload and the parsed claims use, in bytes. The token cache
    /// adds this size to the size of its entry, and limits the total size of all entries.
    pub(crate) fn size(&self) -> usize {
        self.verified.payload.capacity() + self.verified.claims.size() + size_of::<Revocation>()
    }

    /// Returns whether `self` and `other` are clones of one `IdInfo`, which a single verification
    /// has created.
    #[cfg(test)]
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.verified, &other.verified)
    }

    /// Returns the id of the caller. In tokens of Passport, it is the claim `sub`: the id of a
    /// user, or the client id of a managed identity. In other tokens, it is the claim that the
    /// issuer's [`ClaimMap`](crate::ClaimMap) names.
    ///
    /// The id is unique only together with the [`issuer`](Self::issuer): two issuers can have the
    /// same id for different callers.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.verified.claims.sub().unwrap_or_default()
    }

    /// Returns the caller's tenant. In tokens of Passport, it is the claim `tenant_id`. In other
    /// tokens, it follows from the issuer's [`TenantRule`](crate::TenantRule). Never empty.
    ///
    /// Never use a tenant from a header or a body instead: any client can write any tenant there.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        self.verified.claims.tenant_id().unwrap_or_default()
    }

    /// Returns the caller's e-mail address (claim `email`). Returns `None` if the token has no such
    /// claim, as tokens of managed identities.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.verified.claims.email()
    }

    /// Returns a name of the caller for display. It is the first of these that the token has: the
    /// name (claim `name`), the e-mail address, the user id.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.verified.claims.name().or(self.email()).unwrap_or_else(|| self.user_id())
    }

    /// Returns the caller's roles at the time when the token was issued. In tokens of Passport, it
    /// is the claim `roles`. In other tokens, these are the roles to which the issuer's
    /// [`ClaimMap`](crate::ClaimMap) maps. See also [`roles_known`](Self::roles_known).
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.verified.claims.roles
    }

    /// Returns whether [`roles`](Self::roles) is complete. It is not if the issuer has left the
    /// groups out of the token because there are too many of them, as Entra does. A requirement for
    /// a role then rejects the caller.
    #[must_use]
    pub fn roles_known(&self) -> bool {
        !self.verified.claims.has_unknown_roles
    }

    /// Returns whether [`permissions`](Self::permissions) is complete.
    pub(crate) fn permissions_known(&self) -> bool {
        !self.verified.claims.has_unknown_permissions
    }

    /// Returns whether the caller has `role`. The comparison is case-sensitive.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().iter().any(|own| own == role)
    }

    /// Returns the permissions in the token (claim `permissions`). The list is empty for managed
    /// identities, because their tokens have no permissions.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.verified.claims.permissions
    }

    /// Returns whether the caller is a service account. In tokens of Passport, it is a managed
    /// identity, and the claim `is_service_account` is the boolean `true`. In other tokens, it
    /// meets the condition [`ClaimMap::service_account`](crate::ClaimMap::service_account).
    #[must_use]
    pub fn is_service_account(&self) -> bool {
        self.verified.claims.is_service_account
    }

    /// Returns the id that a managed identity has in Passport's audit log (claim
    /// `managed_identity_id`). Returns `None` if the token has no such claim, as tokens of users.
    #[must_use]
    pub fn managed_identity_id(&self) -> Option<&str> {
        self.verified.claims.managed_identity_id()
    }

    /// Returns the issuer of the token (claim `iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.verified.claims.iss().unwrap_or_default()
    }

    /// Returns the name of the trusted issuer that has issued the token, as it is configured.
    #[must_use]
    pub fn issuer_name(&self) -> &IssuerName {
        &self.verified.source.issuer
    }

    /// Returns whether the token was issued by another identity provider than Passport.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.verified.source.is_external
    }

    /// Returns the audiences of the token (claim `aud`).
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.verified.claims.aud
    }

    /// Returns the id of the token (claim `jti`). Returns `None` if the token has no such claim.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.verified.claims.jti()
    }

    /// Returns the id of the session in which the token was issued (claim `sid`). Returns `None` if
    /// the token has no such claim, as tokens of managed identities.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.verified.claims.sid()
    }

    /// Returns when the token was issued (claim `iat`).
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.verified.claims.iat.map_or(SystemTime::UNIX_EPOCH, |date| date.0)
    }

    /// Returns when the token expires (claim `exp`). The verifier accepts the token a little
    /// longer: until the clock skew, by default 60 s, has passed after this time.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.verified.claims.exp.map_or(SystemTime::UNIX_EPOCH, |date| date.0)
    }

    /// Returns when the verifier stops accepting the token: `exp` plus the clock skew.
    pub(crate) fn accepted_until(&self) -> SystemTime {
        self.verified.until
    }

    /// Deserializes all claims of the token into `T`.
    ///
    /// # Errors
    /// If a claim that `T` requires is missing or has another type.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.verified.payload)
    }
}

impl fmt::Debug for IdInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdInfo")
            .field("user_id", &self.user_id())
            .field("tenant_id", &self.tenant_id())
            .field("issuer", &self.issuer_name())
            .field("is_service_account", &self.is_service_account())
            .field("managed_identity_id", &self.managed_identity_id())
            .field("roles", &self.roles())
            .finish_non_exhaustive()
    }
}
