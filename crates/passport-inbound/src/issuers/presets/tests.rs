//! Tests with tokens of the shape that each provider documents.

mod entra;
mod entra_multi_tenant;
mod keycloak_cognito;
mod okta_auth0_google;

use passport_core::{ManualClock, Transport};
use serde_json::{Value, json};

use super::*;
use crate::{
    IdInfo, ReadyPolicy, RejectionReason, TenantRule, TokenVerifier, VerifyError,
    test_support::{ScriptedIssuer, ScriptedResponse, signing::test_key},
};

/// The time of the tests: soon after the tokens were issued.
const NOW: u32 = 1_796_000_100;

const KID: &str = "provider-key-2026";

/// Verifies a token with a verifier that trusts only `issuer`, with the key of the tests.
fn verify(issuer: TrustedIssuer, header: &str, claims: &Value) -> Result<IdInfo, RejectionReason> {
    verify_text(issuer, &test_key(0).sign(header, &claims.to_string()))
}

/// Verifies a token of any form, as [`verify`] does.
fn verify_text(issuer: TrustedIssuer, token: &str) -> Result<IdInfo, RejectionReason> {
    verify_with_keys(issuer, &test_key(0).jwks(KID), token)
}

fn verify_with_keys(issuer: TrustedIssuer, jwks: &str, token: &str) -> Result<IdInfo, RejectionReason> {
    let issuer = TrustedIssuer { jwks_url: None, ..issuer }.static_jwks(jwks);
    let clock = ManualClock::at_unix_seconds(NOW);
    let verifier = TokenVerifier::trusting(issuer).clock(clock).build().unwrap();
    let outcome = verifier.try_verify(token).expect("static keys are never fetched");
    outcome.map_err(|error| match error {
        VerifyError::Rejected { reason, .. } => reason,
        other => panic!("{other}"),
    })
}

/// Returns `claims` with the members of `changes`. A member that is `null` is removed.
fn changed(claims: &Value, changes: Value) -> Value {
    let (Value::Object(mut members), Value::Object(changes)) = (claims.clone(), changes) else {
        panic!("claims are objects");
    };
    for (name, value) in changes {
        match value {
            Value::Null => drop(members.remove(&name)),
            value => drop(members.insert(name, value)),
        }
    }
    members.into()
}

#[tokio::test]
async fn keys_are_fetched_from_the_documented_url() {
    const GUID: &str = "72f988bf-0000-41af-91ab-2d7cd011db47";
    let entra = "https://login.microsoftonline.com";
    for (preset, urls) in [
        (
            TrustedIssuer::entra(GUID),
            vec![format!("{entra}/{GUID}/v2.0/.well-known/openid-configuration"), format!("{entra}/keys")],
        ),
        (
            TrustedIssuer::entra_multi_tenant().danger_any_directory(),
            vec![format!("{entra}/common/discovery/v2.0/keys")],
        ),
        (
            TrustedIssuer::okta("https://company.okta.com/oauth2/default"),
            vec![
                "https://company.okta.com/oauth2/default/.well-known/openid-configuration".to_owned(),
                "https://company.okta.com/keys".to_owned(),
            ],
        ),
        (
            TrustedIssuer::auth0("company.eu.auth0.com"),
            vec![
                "https://company.eu.auth0.com/.well-known/openid-configuration".to_owned(),
                "https://company.eu.auth0.com/keys".to_owned(),
            ],
        ),
        (TrustedIssuer::google(), vec!["https://www.googleapis.com/oauth2/v3/certs".to_owned()]),
    ] {
        let issuer = ScriptedIssuer::new(ScriptedResponse::body(&test_key(0).jwks(KID)));
        let origin = preset.issuer.split('/').take(3).collect::<Vec<_>>().join("/");
        let discovery = json!({ "issuer": preset.issuer, "jwks_uri": format!("{origin}/keys") });
        issuer.respond_at("/openid-configuration", ScriptedResponse::body(&discovery.to_string()));
        let trusted = preset.audience("api").tenant(TenantRule::table("sub", [("a", "b")]));
        let verifier = TokenVerifier::trusting(trusted)
            .transport(Transport::new(issuer.clone()))
            .clock(ManualClock::at_unix_seconds(NOW))
            .build()
            .unwrap();
        verifier.ready_for(ReadyPolicy::Any).await.unwrap();
        assert_eq!(issuer.urls(), urls);
    }
}

#[test]
fn presets_are_named_by_their_issuer() {
    for preset in [TrustedIssuer::entra_multi_tenant(), TrustedIssuer::google(), TrustedIssuer::auth0("a.b")]
    {
        assert_eq!(preset.issuer_name(), preset.issuer.as_str());
    }
}
