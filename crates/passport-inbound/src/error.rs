//! The reasons for the rejection of a token, and the coarser reasons of Passport's SDK.

/// The reason why a token was rejected.
///
/// For logs, metrics and tests. The response has only the coarser
/// [`passport_name`](Self::passport_name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectionReason {
    /// The published key with the token's `kid` is for another algorithm than `alg`.
    #[error("`alg` does not match the algorithm of the key")]
    AlgorithmMismatch,
    /// `alg` is not one of the configured
    /// [`algorithms`](crate::TokenVerifierBuilder::algorithms), by default RS256.
    #[error("`alg` is not an allowed algorithm")]
    AlgorithmNotAllowed,
    /// `aud` is missing, or has none of the configured audiences.
    #[error("`aud` has none of the configured audiences")]
    AudienceMismatch,
    /// `cnf` binds the token to a key of the client. Such a binding cannot be verified, so the
    /// token is rejected ([RFC 7800](https://www.rfc-editor.org/rfc/rfc7800#section-3.1)).
    #[error("sender-constrained tokens (`cnf`) are not supported")]
    SenderConstrained,
    /// `crit` requires an extension, and none is supported
    /// ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
    #[error("critical header extensions (`crit`) are not supported")]
    UnsupportedCritical,
    /// The token is valid, but [`reject_if`](crate::TokenVerifierBuilder::reject_if) rejects it.
    #[error("rejected by `reject_if`")]
    Revoked,
    /// The request has more than one `Authorization` header, token cookie or query parameter, or
    /// a token both in the header and in the query
    /// ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-2)).
    #[error("the request has more than one token or `Authorization` header")]
    DuplicateCredentials,
    /// `exp` is in the past.
    #[error("the token has expired")]
    Expired,
    /// The time claim is more than 100 years in the future. It is probably in milliseconds
    /// instead of seconds.
    #[error(
        "claim `{0}` is more than 100 years in the future: it must be in seconds since 1970, not milliseconds"
    )]
    ImplausibleTime(&'static str),
    /// `iat` is in the future.
    #[error("`iat` is in the future")]
    IssuedInFuture,
    /// `iss` is missing, or is not the configured issuer.
    #[error("`iss` is not the configured issuer")]
    IssuerMismatch,
    /// The issuer publishes no key with the token's `kid`. The keys were refreshed for this token,
    /// or less than one [`jwks_cooldown`](crate::TokenVerifierBuilder::jwks_cooldown) before it.
    #[error("the issuer publishes no key with the token's `kid`")]
    KeyNotFound,
    /// The token is not a JWS in the compact form with JSON objects as header and payload, or a
    /// claim has a wrong type.
    #[error("malformed token")]
    Malformed,
    /// A required claim is missing or blank.
    #[error("claim `{0}` is missing or blank")]
    MissingClaim(&'static str),
    /// The token is an ID token, a logout token or another kind of JWT.
    #[error("not an access token")]
    WrongTokenType,
    /// `nbf` is in the future.
    #[error("`nbf` is in the future")]
    NotYetValid,
    /// No published key verifies the signature. The keys were refreshed for this token, or less
    /// than one [`jwks_cooldown`](crate::TokenVerifierBuilder::jwks_cooldown) before it.
    #[error("invalid signature")]
    SignatureInvalid,
    /// The token is larger than [`max_token_size`](crate::TokenVerifierBuilder::max_token_size).
    #[error("the token is larger than `max_token_size`")]
    TooLarge,
}

impl RejectionReason {
    /// Returns the name of the reason in Passport's SDK (`TokenValidationError`), one of seven.
    /// The response to the caller has only this name.
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

    /// Returns the reason of Passport's SDK that covers this reason.
    pub(crate) fn coarse(self) -> CoarseReason {
        match self {
            Self::AlgorithmMismatch | Self::AlgorithmNotAllowed | Self::SignatureInvalid => {
                CoarseReason::SignatureInvalid
            }
            Self::AudienceMismatch => CoarseReason::AudienceMismatch,
            Self::SenderConstrained | Self::MissingClaim(_) | Self::WrongTokenType => {
                CoarseReason::ClaimsRequired
            }
            // A caller with a revoked token has to fetch a new token, as after the expiry.
            Self::Revoked | Self::Expired => CoarseReason::TokenExpired,
            Self::IssuerMismatch => CoarseReason::IssuerMismatch,
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

/// The seven reasons of Passport's SDK (`TokenValidationError`), which responses contain.
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
