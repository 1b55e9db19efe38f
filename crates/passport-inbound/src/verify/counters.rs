//! Increments the counter of tokens, `passport_inbound_tokens_total`, with the outcome of a
//! verification as label.

use metrics::counter;

use crate::{
    RejectionReason,
    metrics::{TOKENS, count},
};

/// Increments the counter of tokens. The reason of the rejection is the label `outcome`.
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

/// Increments the counter of tokens, with the outcome `keys_unavailable`: no installed key
/// verifies the token, and it is unknown whether the issuer has a newer key.
pub(super) fn keys_unavailable() {
    counter!(TOKENS, "outcome" => "keys_unavailable").increment(1);
}

/// Increments the counter of tokens, with the outcome `overloaded`: no verification permit was
/// available in time.
pub(super) fn overloaded() {
    counter!(TOKENS, "outcome" => "overloaded").increment(1);
}
