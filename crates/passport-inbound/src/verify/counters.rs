//! The counter of tokens, `passport_inbound_tokens_total`, with the issuer and the outcome of a
//! verification as labels.

use std::sync::{LazyLock, OnceLock};

use metrics::{Key, Label, Level, Metadata, SharedString};

use crate::{
    RejectionReason,
    issuers::IssuerName,
    metrics::{ISSUER, TARGET, TOKENS, UNKNOWN_ISSUER},
};

/// The issuer of tokens that were rejected before their issuer was known.
static UNKNOWN: LazyLock<(IssuerName, TokenCounters)> =
    LazyLock::new(|| (IssuerName::new(UNKNOWN_ISSUER), TokenCounters::new()));

static METADATA: Metadata<'static> = Metadata::new(TARGET, Level::INFO, None);

/// The outcomes that are counted here, as values of the label `outcome`. The outcome `accepted`
/// is counted by the metrics of a key set.
const OUTCOMES: [&str; 25] = [
    "algorithm_mismatch",
    "algorithm_not_allowed",
    "audience_mismatch",
    "sender_constrained",
    "unsupported_critical",
    "revoked",
    "duplicate_credentials",
    "expired",
    "implausible_time",
    "issued_in_future",
    "issuer_mismatch",
    "key_not_found",
    "malformed",
    "missing_claim",
    "wrong_token_type",
    "not_yet_valid",
    "signature_invalid",
    "too_large",
    "subject_unresolved",
    "tenant_unresolved",
    "tenant_not_allowed",
    "directory_not_allowed",
    "key_issuer_mismatch",
    KEYS_UNAVAILABLE,
    OVERLOADED,
];

/// No installed key verifies the token, and it is unknown whether the issuer has a newer key.
const KEYS_UNAVAILABLE: &str = "keys_unavailable";

/// No verification permit was available in time.
const OVERLOADED: &str = "overloaded";

/// The counters of one issuer. The key of a counter is created when its outcome first occurs: an
/// issuer without tokens needs little memory, and a rejection allocates nothing.
#[derive(Debug)]
pub(super) struct TokenCounters([OnceLock<Box<Key>>; OUTCOMES.len()]);

impl TokenCounters {
    pub(super) fn new() -> Self {
        Self([const { OnceLock::new() }; OUTCOMES.len()])
    }

    /// Increments the counter of a rejection reason.
    pub(super) fn rejected(&self, issuer: &IssuerName, reason: RejectionReason) {
        self.increment(issuer, outcome(reason));
    }

    /// Increments the counter of tokens that cannot be verified without newer keys.
    pub(super) fn keys_unavailable(&self, issuer: &IssuerName) {
        self.increment(issuer, KEYS_UNAVAILABLE);
    }

    fn increment(&self, issuer: &IssuerName, outcome: &'static str) {
        let Some(position) = OUTCOMES.iter().position(|known| *known == outcome) else { return };
        let key = self.0[position].get_or_init(|| Box::new(key(issuer.label(), outcome)));
        metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA)).increment(1);
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
    counters.increment(unknown, OVERLOADED);
}

/// Returns the value of the label `outcome` for a rejection reason.
fn outcome(reason: RejectionReason) -> &'static str {
    use RejectionReason as R;
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
