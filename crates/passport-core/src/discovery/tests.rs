use super::*;

fn url() -> Url {
    Url::parse("https://passport.bizfirst.ai/passport/.well-known/openid-configuration").unwrap()
}

fn checked(issuer: &str, jwks_uri: &str) -> Result<ProviderMetadata, DiscoveryError> {
    let body = serde_json::json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
    check(&Issuer::new("https://passport.bizfirst.ai").unwrap(), url(), body.as_bytes())
}

#[test]
fn a_document_of_the_issuer_is_accepted() {
    assert!(checked("https://passport.bizfirst.ai", "https://passport.bizfirst.ai/keys").is_ok());
}

#[test]
fn issuer_that_differs_by_a_slash_is_rejected() {
    let result = checked("https://passport.bizfirst.ai/", "https://passport.bizfirst.ai/keys");
    assert!(matches!(result, Err(DiscoveryError::ForeignIssuer { .. })));
}

#[test]
fn keys_of_another_origin_are_rejected() {
    for uri in ["https://evil.example/keys", "http://passport.bizfirst.ai/keys", "file:///keys", "keys"] {
        let result = checked("https://passport.bizfirst.ai", uri);
        assert!(matches!(result, Err(DiscoveryError::ForeignKeys)), "{uri}");
    }
}
