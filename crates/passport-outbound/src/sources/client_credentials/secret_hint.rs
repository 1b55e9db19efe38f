use passport_core::{Secret, SecretRef};

use super::is_client_rejected;
use crate::token::FetchFailure;

/// Adds what is unusual about a rejected secret to the failure, such as a space or a quote.
pub(super) fn add_secret_hint(failure: FetchFailure, reference: &SecretRef, secret: &Secret) -> FetchFailure {
    let suspicions = secret.suspicions();
    if suspicions.is_empty() || !is_client_rejected(&failure) {
        return failure;
    }
    let hint = format!("the secret behind `{reference}` {}", suspicions.join(" and "));
    FetchFailure { hint: Some(hint), ..failure }
}
