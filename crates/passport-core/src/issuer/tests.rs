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
fn default_endpoints_are_those_that_passport_documents() {
    let issuer = passport();
    assert_eq!(issuer.token_url().as_str(), "https://passport.bizfirst.ai/passport/token");
    assert_eq!(
        issuer.discovery_urls().into_iter().map(String::from).collect::<Vec<_>>(),
        [
            "https://passport.bizfirst.ai/passport/.well-known/openid-configuration",
            "https://passport.bizfirst.ai/.well-known/openid-configuration",
        ]
    );
}

#[test]
fn path_of_the_issuer_is_kept_in_its_endpoints() {
    let issuer = Issuer::new("https://host/tenant/").unwrap();
    assert_eq!(issuer.token_url().as_str(), "https://host/tenant/passport/token");
}

#[test]
fn each_documented_jwks_url_has_an_alternative() {
    let issuer = passport();
    let documented = Url::parse("https://passport.bizfirst.ai/passport/.well-known/jwks.json").unwrap();
    let specified = issuer.other_jwks_url(&documented).unwrap();
    assert_eq!(specified.as_str(), "https://passport.bizfirst.ai/.well-known/jwks.json");
    assert_eq!(issuer.other_jwks_url(&specified), Some(documented));
    assert_eq!(issuer.other_jwks_url(&Url::parse("https://elsewhere/keys").unwrap()), None);
}

#[test]
fn plain_http_is_accepted_only_for_loopback() {
    assert!(Issuer::new("http://127.0.0.1:8080").is_ok());
    assert!(Issuer::new("http://passport.bizfirst.ai").is_err());
    assert!(passport().with_token_url("http://elsewhere/token").is_err());
}

#[test]
fn danger_plain_http_accepts_plain_http() {
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
fn error_of_plain_http_names_danger_plain_http() {
    let errors = [
        Issuer::new("http://passport").unwrap_err(),
        passport().with_token_url("http://passport/token").unwrap_err(),
        passport().with_jwks_url("http://passport/keys").unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("danger_plain_http"), "{error}");
    }
}

#[test]
fn url_with_credentials_is_rejected_and_not_displayed() {
    let error = Issuer::new("https://user:hunter2@host").unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn user_name_or_password_alone_is_rejected() {
    for id in ["https://user@host", "https://:hunter2@host"] {
        assert!(Issuer::new(id).is_err(), "{id}");
    }
}

#[test]
fn display_is_the_issuer_id() {
    assert_eq!(Issuer::new("https://Host/Realms/x").unwrap().to_string(), "https://Host/Realms/x");
}

#[test]
fn debug_of_the_error_is_its_message() {
    let error = Issuer::new("passport").unwrap_err();
    assert_eq!(format!("{error:?}"), "invalid issuer URL (expected https://host): not an absolute URL");
}
