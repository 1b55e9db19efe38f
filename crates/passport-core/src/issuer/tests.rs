use super::*;

fn passport() -> Issuer {
    Issuer::new(Issuer::PASSPORT).unwrap()
}

#[test]
fn issuer_id_is_preserved_byte_for_byte() {
    for id in ["https://passport.bizfirst.ai", "https://x.auth0.com/", "https://Host/Realms/x"] {
        assert_eq!(Issuer::new(id).unwrap().id(), id);
    }
}

#[test]
fn endpoints_are_where_passport_documents_them() {
    let issuer = passport();
    assert_eq!(issuer.token_url().as_str(), "https://passport.bizfirst.ai/passport/token");
    assert_eq!(
        issuer.discovery_urls().map(String::from),
        [
            "https://passport.bizfirst.ai/passport/.well-known/openid-configuration",
            "https://passport.bizfirst.ai/.well-known/openid-configuration",
        ]
    );
}

#[test]
fn an_issuer_with_a_path_keeps_it() {
    let issuer = Issuer::new("https://host/tenant/").unwrap();
    assert_eq!(issuer.token_url().as_str(), "https://host/tenant/passport/token");
}

#[test]
fn each_jwks_url_has_the_other_as_its_alternative() {
    let issuer = passport();
    let documented = Url::parse("https://passport.bizfirst.ai/passport/.well-known/jwks.json").unwrap();
    let specified = issuer.other_jwks_url(&documented).unwrap();
    assert_eq!(specified.as_str(), "https://passport.bizfirst.ai/.well-known/jwks.json");
    assert_eq!(issuer.other_jwks_url(&specified), Some(documented));
    assert_eq!(issuer.other_jwks_url(&Url::parse("https://elsewhere/keys").unwrap()), None);
}

#[test]
fn plain_http_is_for_loopback_only() {
    assert!(Issuer::new("http://127.0.0.1:8080").is_ok());
    assert!(Issuer::new("http://passport.bizfirst.ai").is_err());
    assert!(passport().with_token_url("http://elsewhere/token").is_err());
}

#[test]
fn plain_http_is_accepted_by_its_opt_in() {
    let internal = Issuer::danger_plain_http("http://passport:8090").unwrap();
    assert_eq!(internal.token_url().as_str(), "http://passport:8090/passport/token");
    let public = Issuer::danger_plain_http("https://passport.bizfirst.ai").unwrap();
    let public = public.with_token_url("http://passport:8090/token").unwrap();
    let public = public.with_jwks_url("http://passport:8090/keys").unwrap();
    assert_eq!(public.token_url().as_str(), "http://passport:8090/token");
    assert_eq!(public.jwks_url().unwrap().as_str(), "http://passport:8090/keys");
    for wrong in ["http://user:hunter2@passport", "http://passport/?a", "ftp://passport", "passport"] {
        let error = Issuer::danger_plain_http(wrong).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn rejection_of_plain_http_names_the_opt_in() {
    let refusals = [
        Issuer::new("http://passport").unwrap_err(),
        passport().with_token_url("http://passport/token").unwrap_err(),
        passport().with_jwks_url("http://passport/keys").unwrap_err(),
    ];
    for refusal in refusals {
        assert!(refusal.to_string().contains("danger_plain_http"), "{refusal}");
    }
}

#[test]
fn url_with_credentials_is_rejected_and_not_quoted() {
    let error = Issuer::new("https://user:hunter2@host").unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn user_name_alone_or_password_alone_is_rejected() {
    for id in ["https://user@host", "https://:hunter2@host"] {
        assert!(Issuer::new(id).is_err(), "{id}");
    }
}

#[test]
fn issuer_is_shown_as_its_id() {
    assert_eq!(Issuer::new("https://Host/Realms/x").unwrap().to_string(), "https://Host/Realms/x");
}
