use RejectionReason as R;

use super::*;

const REASONS: [RejectionReason; 23] = [
    R::AlgorithmMismatch,
    R::AlgorithmNotAllowed,
    R::AudienceMismatch,
    R::SenderConstrained,
    R::UnsupportedCritical,
    R::Revoked,
    R::DuplicateCredentials,
    R::Expired,
    R::ImplausibleTime("exp"),
    R::IssuedInFuture,
    R::IssuerMismatch,
    R::KeyNotFound,
    R::Malformed,
    R::MissingClaim("sub"),
    R::WrongTokenType,
    R::NotYetValid,
    R::SignatureInvalid,
    R::TooLarge,
    R::SubjectUnresolved,
    R::TenantUnresolved,
    R::TenantNotAllowed,
    R::DirectoryNotAllowed,
    R::KeyIssuerMismatch,
];

/// The oracle: returns the value of the label `outcome` for a rejection reason.
fn outcome(reason: RejectionReason) -> &'static str {
    match reason {
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
        R::SubjectUnresolved => "subject_unresolved",
        R::TenantUnresolved => "tenant_unresolved",
        R::TenantNotAllowed => "tenant_not_allowed",
        R::DirectoryNotAllowed => "directory_not_allowed",
        R::KeyIssuerMismatch => "key_issuer_mismatch",
    }
}

#[test]
fn outcome_of_each_reason_has_the_label_of_the_reason() {
    for reason in REASONS {
        assert_eq!(LABELS[Outcome::from(reason) as usize], outcome(reason), "{reason:?}");
    }
    assert_eq!(LABELS[Outcome::KeysUnavailable as usize], "keys_unavailable");
    assert_eq!(LABELS[Outcome::Overloaded as usize], "overloaded");
}
