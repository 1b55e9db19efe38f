use passport_core::{Secret, SecretRef};

use super::concerns_the_proof;
use crate::token::Failure;

/// Names what is unusual about a secret that Passport refused, so that a blank or a quote is found.
pub(super) fn about_secret(failure: Failure, reference: &SecretRef, secret: &Secret) -> Failure {
    let suspicions = secret.suspicions();
    if suspicions.is_empty() || !concerns_the_proof(&failure) {
        return failure;
    }
    failure.hint(format!("the secret behind `{reference}` {}", suspicions.join(" and ")))
}
