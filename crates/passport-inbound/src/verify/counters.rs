//! Counts the outcomes of verifications.

use metrics::counter;

use crate::{
    RejectionReason,
    metrics::{TOKENS, count},
};

/// Counts a rejected token.
pub(crate) fn rejected(reason: RejectionReason) {
    use RejectionReason as R;
    count!(TOKENS, "outcome",
        R::AlgorithmMismatch => "algorithm_mismatch",
        R::AlgorithmNotAllowed => "algorithm_not_allowed",
        R::AudienceMismatch => "audience_mismatch",
        R::SenderConstrained => "sender_constrained",
        R::UnsupportedCritical => "unsupported_critical",
        R::Revoked => "revoked",
        R::DuplicateCredentials => "duplicate_credentials",
        R::Expired => "expired",
        R::ImplausibleTime(_) => "implausible_time",
        R::IssuedInFuture => "issued_in_future",
        R::IssuerMismatch => "issuer_mismatch",
        R::KeyNotFound => "key_not_found",
        R::Malformed => "malformed",
        R::MissingClaim(_) => "missing_claim",
        R::WrongTokenType => "wrong_token_type",
        R::NotYetValid => "not_yet_valid",
        R::SignatureInvalid => "signature_invalid",
        R::TooLarge => "too_large",
        ; reason);
}

/// Counts a token that could not be verified because the keys are unavailable.
pub(super) fn keys_unavailable() {
    counter!(TOKENS, "outcome" => "keys_unavailable").increment(1);
}

/// Counts a token that got no verification permit in time.
pub(super) fn overloaded() {
    counter!(TOKENS, "outcome" => "overloaded").increment(1);
}
