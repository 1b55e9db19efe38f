//! The counter of tokens, `passport_inbound_tokens_total`, with the issuer and the outcome of a
//! verification as labels.

use std::sync::{LazyLock, OnceLock};

use metrics::{Key, Label, SharedString};

use crate::{
    RejectionReason,
    issuers::IssuerName,
    metrics::{ISSUER, TOKENS, UNKNOWN_ISSUER, increment},
};

/// The issuer of tokens that were rejected before their issuer was known.
static UNKNOWN: LazyLock<(IssuerName, TokenCounters)> =
    LazyLock::new(|| (IssuerName::new(UNKNOWN_ISSUER), TokenCounters::new()));

/// Declares the outcomes that are counted here: an outcome of each rejection reason, and the
/// outcomes without a reason. Each outcome has its value of the label `outcome`.
macro_rules! outcomes {
    ($($reason:pat => $rejected:ident = $label:literal,)+ ; $($other:ident = $other_label:literal,)+) => {
        #[derive(Clone, Copy, Debug)]
        enum Outcome { $($rejected,)+ $($other,)+ }

        /// The labels of the outcomes, in the order of [`Outcome`].
        const LABELS: [&str; [$($label,)+ $($other_label,)+].len()] = [$($label,)+ $($other_label,)+];

        impl From<RejectionReason> for Outcome {
            fn from(reason: RejectionReason) -> Self {
                use RejectionReason as R;
                match reason {
                    $($reason => Self::$rejected,)+
                }
            }
        }
    };
}

// The outcome `accepted` is counted by the metrics of a key set.
outcomes! {
    R::AlgorithmMismatch => AlgorithmMismatch = "algorithm_mismatch",
    R::AlgorithmNotAllowed => AlgorithmNotAllowed = "algorithm_not_allowed",
    R::AudienceMismatch => AudienceMismatch = "audience_mismatch",
    R::SenderConstrained => SenderConstrained = "sender_constrained",
    R::UnsupportedCritical => UnsupportedCritical = "unsupported_critical",
    R::Revoked => Revoked = "revoked",
    R::DuplicateCredentials => DuplicateCredentials = "duplicate_credentials",
    R::Expired => Expired = "expired",
    R::ImplausibleTime(_) => ImplausibleTime = "implausible_time",
    R::IssuedInFuture => IssuedInFuture = "issued_in_future",
    R::IssuerMismatch => IssuerMismatch = "issuer_mismatch",
    R::KeyNotFound => KeyNotFound = "key_not_found",
    R::Malformed => Malformed = "malformed",
    R::MissingClaim(_) => MissingClaim = "missing_claim",
    R::WrongTokenType => WrongTokenType = "wrong_token_type",
    R::NotYetValid => NotYetValid = "not_yet_valid",
    R::SignatureInvalid => SignatureInvalid = "signature_invalid",
    R::TooLarge => TooLarge = "too_large",
    R::SubjectUnresolved => SubjectUnresolved = "subject_unresolved",
    R::TenantUnresolved => TenantUnresolved = "tenant_unresolved",
    R::TenantNotAllowed => TenantNotAllowed = "tenant_not_allowed",
    R::DirectoryNotAllowed => DirectoryNotAllowed = "directory_not_allowed",
    R::KeyIssuerMismatch => KeyIssuerMismatch = "key_issuer_mismatch",
    ;
    // No installed key verifies the token, and it is unknown whether the issuer has a newer key.
    KeysUnavailable = "keys_unavailable",
    // The issuer does not say whether the token is active.
    IntrospectionUnavailable = "introspection_unavailable",
    // No verification permit was available in time.
    Overloaded = "overloaded",
}

/// The counters of one issuer. The key of a counter is created when its outcome first occurs: an
/// issuer without tokens needs little memory, and a rejection allocates nothing.
#[derive(Debug)]
pub(super) struct TokenCounters([OnceLock<Box<Key>>; LABELS.len()]);

impl TokenCounters {
    pub(super) fn new() -> Self {
        Self([const { OnceLock::new() }; LABELS.len()])
    }

    /// Increments the counter of a rejection reason.
    pub(super) fn rejected(&self, issuer: &IssuerName, reason: RejectionReason) {
        self.increment(issuer, reason.into());
    }

    /// Increments the counter of tokens that cannot be verified without newer keys.
    pub(super) fn keys_unavailable(&self, issuer: &IssuerName) {
        self.increment(issuer, Outcome::KeysUnavailable);
    }

    /// Increments the counter of tokens about which the issuer gives no answer.
    pub(super) fn introspection_unavailable(&self, issuer: &IssuerName) {
        self.increment(issuer, Outcome::IntrospectionUnavailable);
    }

    fn increment(&self, issuer: &IssuerName, outcome: Outcome) {
        let position = outcome as usize;
        increment(self.0[position].get_or_init(|| Box::new(key(issuer.label(), LABELS[position]))));
    }
}

fn key(issuer: SharedString, outcome: &'static str) -> Key {
    Key::from_parts(TOKENS, vec![Label::new(ISSUER, issuer), Label::new("outcome", outcome)])
}

/// Increments the counter of a token that was rejected before its issuer was known.
pub(crate) fn rejected(reason: RejectionReason) {
    let (unknown, counters) = &*UNKNOWN;
    counters.rejected(unknown, reason);
}

/// Increments the counter of tokens for which no verification permit was available.
pub(super) fn overloaded() {
    let (unknown, counters) = &*UNKNOWN;
    counters.increment(unknown, Outcome::Overloaded);
}

#[cfg(test)]
mod tests;
