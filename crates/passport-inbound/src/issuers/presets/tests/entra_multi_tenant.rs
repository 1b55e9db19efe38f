//! Entra ID, an app registration for several directories.

use super::{entra::user_of, *};

const CONTOSO: &str = "72f988bf-0000-41af-91ab-2d7cd011db47";
const FABRIKAM: &str = "0a1b2c3d-0000-41af-91ab-2d7cd011db47";
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

fn entry() -> TrustedIssuer {
    TrustedIssuer::entra_multi_tenant()
        .audience("6e74172b-0000-4843-9ff4-e66a39bb12e3")
        .tenant(TenantRule::table("tid", [(CONTOSO, "contoso"), (FABRIKAM, "fabrikam"), (PERSONAL, "home")]))
}

fn issuer() -> TrustedIssuer {
    entry().allowed_directories([CONTOSO, FABRIKAM])
}

fn iss(directory: &str) -> String {
    TEMPLATE.replace("{tenantid}", directory)
}

/// Returns a key set whose key has this member `issuer`.
fn keys_of(issuer: Option<&str>) -> String {
    let mut key = test_key(0).jwk(KID);
    if let Some(issuer) = issuer {
        key["issuer"] = issuer.into();
    }
    json!({ "keys": [key] }).to_string()
}

fn verify_claims(
    issuer: TrustedIssuer,
    key_issuer: Option<&str>,
    claims: &Value,
) -> Result<IdInfo, RejectionReason> {
    verify_with_keys(issuer, &keys_of(key_issuer), &test_key(0).token(KID, claims))
}

#[test]
fn listed_directories_have_their_own_tenants() {
    for (directory, tenant) in [(CONTOSO, "contoso"), (FABRIKAM, "fabrikam")] {
        let caller = verify_claims(issuer(), Some(TEMPLATE), &user_of(directory)).unwrap();
        assert_eq!((caller.tenant_id(), caller.issuer()), (tenant, &*iss(directory)));
        assert_eq!(caller.issuer_name(), TEMPLATE);
    }
}

#[test]
fn template_accepts_no_other_directory() {
    let rejected = verify_claims(issuer(), Some(TEMPLATE), &user_of(PERSONAL)).unwrap_err();
    assert_eq!(rejected, RejectionReason::DirectoryNotAllowed);
    let any = entry().danger_any_directory();
    assert_eq!(verify_claims(any.clone(), Some(TEMPLATE), &user_of(PERSONAL)).unwrap().tenant_id(), "home");
    for directory in ["common", "organizations", &CONTOSO.to_uppercase(), "{tenantid}", "", "../x"] {
        let rejected = verify_claims(any.clone(), Some(TEMPLATE), &user_of(directory)).unwrap_err();
        assert_eq!(rejected, RejectionReason::IssuerMismatch, "{directory}");
    }
}

#[test]
fn tid_must_be_the_directory_of_the_issuer() {
    for tid in
        [json!(FABRIKAM), json!(CONTOSO.to_uppercase()), json!(""), json!([CONTOSO]), json!(1), Value::Null]
    {
        let claims = changed(&user_of(CONTOSO), json!({ "tid": tid }));
        let rejected = verify_claims(issuer(), Some(TEMPLATE), &claims).unwrap_err();
        assert_eq!(rejected, RejectionReason::DirectoryNotAllowed, "{tid}");
    }
}

#[test]
fn key_must_belong_to_the_issuer_of_the_token() {
    let claims = user_of(CONTOSO);
    verify_claims(issuer(), Some(&iss(CONTOSO)), &claims).unwrap();
    for other in [Some(&*iss(FABRIKAM)), Some(&*iss(PERSONAL)), Some("https://x/{tenantid}/v2.0"), None] {
        let rejected = verify_claims(issuer(), other, &claims).unwrap_err();
        assert_eq!(rejected, RejectionReason::KeyIssuerMismatch, "{other:?}");
    }
}

/// Verifies a token of `directory` with the claim `tenant_id`. Each tenant lists its own directory.
fn verify_tenant_claim(directory: &str, tenant: &str) -> Result<String, RejectionReason> {
    let entry = TrustedIssuer { jwks_url: None, ..issuer() }
        .static_jwks(keys_of(Some(TEMPLATE)))
        .tenant(TenantRule::claim("tenant_id"));
    let verifier = TokenVerifier::trusting(entry)
        .allowed_issuers("contoso", [iss(CONTOSO)])
        .allowed_issuers("fabrikam", [iss(FABRIKAM)])
        .clock(ManualClock::at_unix_seconds(NOW))
        .build()
        .unwrap();
    let claims = changed(&user_of(directory), json!({ "tenant_id": tenant }));
    let outcome = verifier.try_verify(&test_key(0).token(KID, &claims)).unwrap();
    outcome.map(|caller| caller.tenant_id().to_owned()).map_err(|error| error.reason().unwrap())
}

#[test]
fn directory_cannot_speak_for_the_tenant_of_another() {
    assert_eq!(verify_tenant_claim(CONTOSO, "contoso").unwrap(), "contoso");
    assert_eq!(verify_tenant_claim(FABRIKAM, "fabrikam").unwrap(), "fabrikam");
    for (directory, tenant) in [(CONTOSO, "fabrikam"), (FABRIKAM, "contoso"), (CONTOSO, "unlisted")] {
        let rejected = verify_tenant_claim(directory, tenant).unwrap_err();
        assert_eq!(rejected, RejectionReason::TenantNotAllowed, "{directory} {tenant}");
    }
}
