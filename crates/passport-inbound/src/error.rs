//! The reasons why a token is rejected, and the seven coarser reasons of Passport's SDK.

/// The reason why a token was rejected.
///
/// Use it in logs, metrics and tests. The response to the client contains only the name of a
/// coarser reason, [`passport_name`](Self::passport_name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectionReason {
    /// The published keys with the token's `kid` are for other algorithms than the token's `alg`.
    /// If the token has no `kid`: no published key is for the token's `alg`.
    #[error("`alg` does not match the algorithm of the key")]
    AlgorithmMismatch,
    /// `alg` is not one of the configured [`algorithms`](crate::TokenVerifierBuilder::algorithms).
    /// By default, only RS256 is allowed.
    #[error("`alg` is not an allowed algorithm")]
    AlgorithmNotAllowed,
    /// `aud` is missing, or contains none of the configured audiences.
    #[error("`aud` has none of the configured audiences")]
    AudienceMismatch,
    /// The claim `cnf` binds the token to a key of the client. The token is rejected, because this
    /// crate cannot verify the binding ([RFC
    /// 7800](https://www.rfc-editor.org/rfc/rfc7800#section-3.1)).
    #[error("sender-constrained tokens (`cnf`) are not supported")]
    SenderConstrained,
    /// The header member `crit` requires an extension, and this crate supports no extension ([RFC
    /// 7515](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
    #[error("critical header extensions (`crit`) are not supported")]
    UnsupportedCritical,
    /// The token is valid, but one of these says that it was revoked:
    /// - the issuer ([`Introspection`](crate::Introspection)), which says that it is not active;
    /// - the [deny list](crate::TokenVerifierBuilder::deny_list), which denies the caller;
    /// - the predicate of [`reject_if`](crate::TokenVerifierBuilder::reject_if), which returned
    ///   `true`.
    #[error("revoked: rejected by the issuer, the deny list or `reject_if`")]
    Revoked,
    /// The request has more than one token ([RFC
    /// 6750](https://www.rfc-editor.org/rfc/rfc6750#section-2)). The request has one of these:
    /// - more than one `Authorization` header,
    /// - more than one token cookie,
    /// - more than one query parameter with a token,
    /// - a token in the header and another token in the query.
    #[error("the request has more than one token or `Authorization` header")]
    DuplicateCredentials,
    /// `exp` is in the past.
    #[error("the token has expired")]
    Expired,
    /// The named time claim (`exp`, `iat` or `nbf`) is more than 100 years in the future. Its value
    /// is probably in milliseconds instead of seconds.
    #[error(
        "claim `{0}` is more than 100 years in the future: it must be in seconds since 1970, not milliseconds"
    )]
    ImplausibleTime(&'static str),
    /// `iat` is in the future.
    #[error("`iat` is in the future")]
    IssuedInFuture,
    /// `iss` is missing, or is not a trusted issuer.
    #[error("`iss` is not a trusted issuer")]
    IssuerMismatch,
    /// The issuer publishes no key with the token's `kid`. The keys were refreshed because of this
    /// token, or less than one [`jwks_cooldown`](crate::TokenVerifierBuilder::jwks_cooldown) before
    /// this token was verified.
    #[error("the issuer publishes no key with the token's `kid`")]
    KeyNotFound,
    /// The token has one of these errors:
    /// - The token is not a JWS in the compact form.
    /// - Its header or its payload is not a JSON object, or has a duplicate member.
    /// - A claim has a wrong type, or `alg`, `kid` or `typ` is not a string.
    /// - Its header has no `alg`, or has `b64`, `enc` or `zip`, which are not supported.
    #[error("malformed token")]
    Malformed,
    /// The named claim is missing or blank. Required are `exp`, `iat`, `sub` and `tenant_id`.
    #[error("claim `{0}` is missing or blank")]
    MissingClaim(&'static str),
    /// The token is not an access token, but an ID token, a logout token or another kind of JWT.
    #[error("not an access token")]
    WrongTokenType,
    /// `nbf` is in the future.
    #[error("`nbf` is in the future")]
    NotYetValid,
    /// No published key verifies the signature. The keys were refreshed because of this token, or
    /// less than one [`jwks_cooldown`](crate::TokenVerifierBuilder::jwks_cooldown) before this
    /// token was verified.
    #[error("invalid signature")]
    SignatureInvalid,
    /// The token is larger than [`max_token_size`](crate::TokenVerifierBuilder::max_token_size).
    #[error("the token is larger than `max_token_size`")]
    TooLarge,
    /// The claim that the issuer's [`ClaimMap`](crate::ClaimMap) names as subject is missing or
    /// blank.
    #[error("the token has no subject at the claim of the claim map")]
    SubjectUnresolved,
    /// The issuer's [`TenantRule`](crate::TenantRule) gives no tenant for the token.
    #[error("the tenant rule of the issuer gives no tenant")]
    TenantUnresolved,
    /// The issuer may not speak for the tenant of the token, see
    /// [`allowed_issuers`](crate::TokenVerifierBuilder::allowed_issuers).
    #[error("the issuer is not in `allowed_issuers` of the tenant")]
    TenantNotAllowed,
    /// The directory of the token is not one of the
    /// [`allowed_directories`](crate::TrustedIssuer::allowed_directories), or is not the `tid` of
    /// the token.
    #[error("the directory of the token is not one of `allowed_directories`")]
    DirectoryNotAllowed,
    /// The key that verified the token belongs to another issuer: the member `issuer` of the key
    /// does not equal `iss`.
    #[error("the `issuer` of the signing key is not the `iss` of the token")]
    KeyIssuerMismatch,
}

impl RejectionReason {
    /// Returns the name of the coarser reason of Passport's SDK (`TokenValidationError`) that
    /// covers this reason. There are seven such names. The response to the client contains only
    /// this name.
    #[must_use]
    pub fn passport_name(self) -> &'static str {
        match self.coarse() {
            CoarseReason::AudienceMismatch => "AudienceMismatch",
            CoarseReason::ClaimsRequired => "ClaimsRequired",
            CoarseReason::IssuerMismatch => "IssuerMismatch",
            CoarseReason::KeyNotFound => "KeyNotFound",
            CoarseReason::MalformedToken => "MalformedToken",
            CoarseReason::SignatureInvalid => "SignatureInvalid",
            CoarseReason::TokenExpired => "TokenExpired",
        }
    }

    /// Returns the coarser reason of Passport's SDK that covers this reason.
    pub(crate) fn coarse(self) -> CoarseReason {
        match self {
            Self::AlgorithmMismatch | Self::AlgorithmNotAllowed | Self::SignatureInvalid => {
                CoarseReason::SignatureInvalid
            }
            Self::AudienceMismatch => CoarseReason::AudienceMismatch,
            Self::SenderConstrained
            | Self::MissingClaim(_)
            | Self::WrongTokenType
            | Self::SubjectUnresolved
            | Self::TenantUnresolved => CoarseReason::ClaimsRequired,
            // A client with a revoked token has to fetch a new token, as with an expired token.
            Self::Revoked | Self::Expired => CoarseReason::TokenExpired,
            Self::IssuerMismatch
            | Self::TenantNotAllowed
            | Self::DirectoryNotAllowed
            | Self::KeyIssuerMismatch => CoarseReason::IssuerMismatch,
            Self::KeyNotFound => CoarseReason::KeyNotFound,
            Self::UnsupportedCritical
            | Self::DuplicateCredentials
            | Self::ImplausibleTime(_)
            | Self::IssuedInFuture
            | Self::Malformed
            | Self::NotYetValid
            | Self::TooLarge => CoarseReason::MalformedToken,
        }
    }
}

/// The seven coarser reasons of Passport's SDK (`TokenValidationError`). The response to a
/// rejected request contains the name of one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoarseReason {
    AudienceMismatch,
    ClaimsRequired,
    IssuerMismatch,
    KeyNotFound,
    MalformedToken,
    SignatureInvalid,
    TokenExpired,
}
