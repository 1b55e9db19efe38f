//! Issuers and tokens for tests of several trusted issuers. Every token is valid at the time
//! [`START`] for the audience `api`.

use passport_core::ManualClock;
use serde_json::{Value, json};

use super::{START, signing::test_key};
use crate::{
    IdInfo, RejectionReason, TenantRule, TokenVerifier, TokenVerifierBuilder, TrustedIssuer, VerifyError,
};

pub(crate) const PASSPORT: &str = "https://passport.example";
pub(crate) const ALPHA: &str = "https://alpha.example";
pub(crate) const BETA: &str = "https://beta.example/realms/b";

/// Returns the claims of a valid token.
pub(crate) fn claims_of(iss: &str) -> Value {
    json!({
        "iss": iss, "sub": "u", "aud": "api", "tenant_id": "contoso", "iat": START, "exp": START + 3600,
    })
}

/// Returns the claims of a valid token, with one claim replaced.
pub(crate) fn claims_with(iss: &str, name: &str, value: Value) -> Value {
    let mut claims = claims_of(iss);
    claims[name] = value;
    claims
}

/// Returns a Passport with this static key.
pub(crate) fn passport(key: usize, kid: &str) -> TrustedIssuer {
    TrustedIssuer::passport(PASSPORT).name("passport").audience("api").static_jwks(test_key(key).jwks(kid))
}

/// Returns an external issuer of the tenant `contoso` with this static key.
pub(crate) fn external(iss: &str, name: &str, key: usize, kid: &str) -> TrustedIssuer {
    TrustedIssuer::external(iss)
        .name(name)
        .audience("api")
        .tenant(TenantRule::fixed("contoso"))
        .static_jwks(test_key(key).jwks(kid))
}

/// Returns a builder that trusts `issuers`, with a clock that shows [`START`].
pub(crate) fn trusting(issuers: impl IntoIterator<Item = TrustedIssuer>) -> TokenVerifierBuilder {
    let mut issuers = issuers.into_iter();
    let first = TokenVerifier::trusting(issuers.next().unwrap()).clock(ManualClock::at_unix_seconds(START));
    issuers.fold(first, TokenVerifierBuilder::trust)
}

/// Verifies a token with installed keys. Returns the reason of a rejection, and the name of the
/// issuer that has rejected the token.
pub(crate) fn verify(
    verifier: &TokenVerifier,
    token: &str,
) -> Result<IdInfo, (Option<RejectionReason>, Option<String>)> {
    let outcome = verifier.try_verify(token).expect("the keys are installed");
    outcome.map_err(|error: VerifyError| {
        (error.reason(), error.issuer().map(|issuer| issuer.as_str().to_owned()))
    })
}

/// Returns the result of a rejection of this reason by the issuer `name`.
pub(crate) fn rejected_by(name: &str, reason: RejectionReason) -> (Option<RejectionReason>, Option<String>) {
    (Some(reason), Some(name.to_owned()))
}
