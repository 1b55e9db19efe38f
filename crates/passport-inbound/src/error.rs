//! Reasons to reject a token, and the coarser ones of Passport's SDK.

/// What is wrong with a token.
///
/// Finer than the response, which has only [`RejectionReason::passport_name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectionReason {
    /// The key that it names is for another algorithm than `alg`.
    #[error("the token's key is for another algorithm")]
    AlgorithmMismatch,
    /// `alg` is not RS256, or none of the configured algorithms.
    #[error("the token's algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// `aud` is missing or names none of the configured audiences.
    #[error("the token is for another audience")]
    AudienceMismatch,
    /// `cnf` binds it to a client key, which is not checked here.
    #[error("the token is bound to a client key")]
    SenderConstrained,
    /// `crit` demands an extension.
    #[error("the token demands an extension (crit)")]
    UnsupportedCritical,
    /// It is good, but on the deny list.
    #[error("the token or its bearer is on the deny list")]
    Revoked,
    /// More than one `Authorization` header, cookie of the name, or parameter; or a token both in
    /// the header and in the query.
    #[error("there is more than one token, or more than one Authorization header")]
    DuplicateCredentials,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// A time claim is more than 100 years ahead. It is likely to be in milliseconds instead of
    /// seconds.
    #[error("the token's claim `{0}` is more than 100 years ahead; it must be in seconds, not milliseconds")]
    ImplausibleTime(&'static str),
    /// `iat` is ahead.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// `iss` is missing or not the configured issuer.
    #[error("the token is of another issuer")]
    IssuerMismatch,
    /// No published key has its `kid`, as a successful refresh has shown.
    #[error("the token's key is not published")]
    KeyNotFound,
    /// It is not a JWS in compact form with JSON objects inside, or a claim has a wrong type.
    #[error("the token is malformed")]
    Malformed,
    /// A claim that must be there is not.
    #[error("the token's claim `{0}` is missing")]
    MissingClaim(&'static str),
    /// It is an ID token, a logout token or another kind of JWT.
    #[error("the token is not an access token")]
    WrongTokenType,
    /// `nbf` is ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The signature does not fit the key, as a successful refresh has shown.
    #[error("the token's signature is invalid")]
    SignatureInvalid,
    /// It is larger than [`max_token_size`](crate::TokenVerifierBuilder::max_token_size).
    #[error("the token is too long")]
    TooLarge,
}

impl RejectionReason {
    /// The name under which Passport's own SDK knows the reason (`TokenValidationError`). That is
    /// all that a caller gets.
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

    pub(crate) fn coarse(self) -> CoarseReason {
        match self {
            Self::AlgorithmMismatch | Self::AlgorithmNotAllowed | Self::SignatureInvalid => {
                CoarseReason::SignatureInvalid
            }
            Self::AudienceMismatch => CoarseReason::AudienceMismatch,
            Self::SenderConstrained | Self::MissingClaim(_) | Self::WrongTokenType => {
                CoarseReason::ClaimsRequired
            }
            // Ended before its time.
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

/// The seven reasons that Passport's SDK tells apart.
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
