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
fn what_is_said_of_client_authentication_costs_nobody_the_keys() {
    let issuer = Issuer::new("https://passport.bizfirst.ai").unwrap();
    for (said, read) in [
        (
            serde_json::json!(["client_secret_post", 7, "private_key_jwt"]),
            &["client_secret_post", "private_key_jwt"][..],
        ),
        (serde_json::json!("client_secret_post"), &[]),
        (serde_json::json!(null), &[]),
    ] {
        let body = serde_json::json!({
            "issuer": issuer.id(), "jwks_uri": "https://passport.bizfirst.ai/keys",
            "token_endpoint_auth_methods_supported": said,
        });
        let metadata = check(&issuer, url(), body.to_string().as_bytes()).unwrap();
        assert_eq!(metadata.client_authentication, read, "{said}");
    }
}

#[test]
fn another_issuer_is_refused_even_if_only_a_slash_differs() {
    let result = checked("https://passport.bizfirst.ai/", "https://passport.bizfirst.ai/keys");
    assert!(matches!(result, Err(DiscoveryError::ForeignIssuer { .. })));
}

#[test]
fn keys_of_another_origin_are_refused() {
    for uri in ["https://evil.example/keys", "http://passport.bizfirst.ai/keys", "file:///keys", "keys"] {
        let result = checked("https://passport.bizfirst.ai", uri);
        assert!(matches!(result, Err(DiscoveryError::ForeignKeys)), "{uri}");
    }
}
