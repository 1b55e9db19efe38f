use std::time::Duration;

/// Why a token did not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// No signing keys can be had, so nothing can be said about the token.
    #[error("the issuer's signing keys are unavailable")]
    KeysUnavailable {
        /// When it is worth while to ask again.
        retry_after: Duration,
    },
    /// The token is not acceptable.
    #[error("the token is rejected: {0}")]
    Rejected(#[from] RejectionReason),
}

/// What is wrong with a token.
///
/// Finer than what a caller is told: the response has only [`RejectionReason::passport_name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectionReason {
    /// `alg` is not RS256.
    #[error("its algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// `aud` is missing or names none of the configured audiences.
    #[error("it is for another audience")]
    AudienceMismatch,
    /// `cnf` binds it to a client key, which is not checked here.
    #[error("it is bound to a client key")]
    BoundToken,
    /// `crit` demands an extension.
    #[error("it demands an extension (crit)")]
    CriticalHeader,
    /// More than one `Authorization` header.
    #[error("there is more than one Authorization header")]
    DuplicateCredentials,
    /// `exp` is past.
    #[error("it has expired")]
    Expired,
    /// `iat` is ahead.
    #[error("it was issued in the future")]
    IssuedInFuture,
    /// `iss` is missing or not the configured issuer.
    #[error("it is of another issuer")]
    IssuerMismatch,
    /// No published key has its `kid`.
    #[error("its key is not published")]
    KeyNotFound,
    /// It is not a JWS in compact form with JSON objects inside, or a claim has a wrong type.
    #[error("it is malformed")]
    Malformed,
    /// A claim that must be there is not.
    #[error("the claim `{0}` is missing")]
    MissingClaim(&'static str),
    /// It is an ID token, a logout token or another kind of JWT.
    #[error("it is not an access token")]
    NotAnAccessToken,
    /// `nbf` is ahead.
    #[error("it is not valid yet")]
    NotYetValid,
    /// The signature does not fit.
    #[error("its signature is invalid")]
    SignatureInvalid,
    /// It is longer than 8 KiB.
    #[error("it is too long")]
    TooLong,
}

impl RejectionReason {
    /// The name under which Passport's own SDK knows the reason (`TokenValidationError`). That is all a caller is
    /// told.
    #[must_use]
    pub fn passport_name(self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed | Self::SignatureInvalid => "SignatureInvalid",
            Self::AudienceMismatch => "AudienceMismatch",
            Self::BoundToken | Self::MissingClaim(_) | Self::NotAnAccessToken => "ClaimsRequired",
            Self::Expired => "TokenExpired",
            Self::IssuerMismatch => "IssuerMismatch",
            Self::KeyNotFound => "KeyNotFound",
            Self::CriticalHeader
            | Self::DuplicateCredentials
            | Self::IssuedInFuture
            | Self::Malformed
            | Self::NotYetValid
            | Self::TooLong => "MalformedToken",
        }
    }
}
