//! What valid configurations mean.

use passport_inbound::{
    Algorithm, AudienceClaim, ClaimCondition, ClaimMap, Requirement, TenantRule, TokenVerifier,
    TokenVerifierBuilder, TrustedIssuer,
};

use super::*;

/// Asserts that `value` has the same meaning as `builder`: a reload from one to the other changes
/// nothing.
fn assert_same(value: &Value, builder: TokenVerifierBuilder) {
    let verifier = config(value).build().unwrap();
    let changes = verifier.replace(builder).unwrap();
    assert!(changes.is_empty(), "{value}: {changes}");
}

#[test]
fn audience_is_the_only_required_key() {
    assert_same(&json!({ "audience": "api" }), TokenVerifier::builder("api"));
    for audiences in [json!(["api", "app"]), json!("api app"), json!("api,app")] {
        let expected = TokenVerifier::builder("api").audience("app");
        assert_same(&json!({ "audiences": audiences }), expected);
    }
}

#[test]
fn client_id_is_an_accepted_audience() {
    let expected = || TokenVerifier::builder("api").audience("app");
    assert_same(&json!({ "audience": "api", "client_id": "app" }), expected());
    assert_same(&json!({ "audience": ["api", "app"], "client_id": "app" }), expected());
    assert_same(&json!({ "client_id": "app" }), TokenVerifier::builder("app"));
}

#[test]
fn options_of_the_first_issuer_are_read() {
    let config = json!({
        "audience": "api", "issuer": "http://passport.internal", "jwks_url": "http://keys.internal",
        "jwks_cache_file": "/var/lib/keys.json", "algorithms": ["rs256", "EdDSA"], "danger_plain_http": "true",
        "valid_issuers": "http://passport.internal",
    });
    let expected = TokenVerifier::builder("api")
        .issuer("http://passport.internal")
        .jwks_url("http://keys.internal")
        .jwks_cache_file("/var/lib/keys.json")
        .algorithms([Algorithm::Rs256, Algorithm::EdDsa])
        .danger_plain_http();
    assert_same(&config, expected);
}

#[test]
fn numbers_are_read_from_numbers_and_strings() {
    let seconds = std::time::Duration::from_secs;
    let expected = || {
        TokenVerifier::builder("api")
            .clock_skew(seconds(30))
            .jwks_refresh_interval(seconds(300))
            .jwks_cooldown(seconds(10))
            .jwks_max_stale(seconds(3600))
            .jwks_request_timeout(seconds(3))
            .max_token_size(16_384)
            .cache_tokens(false)
            .max_cached_tokens(500)
            .max_cached_bytes(65_536)
            .max_concurrent_verifications(std::num::NonZeroUsize::new(3).unwrap())
    };
    let numbers = json!({
        "audience": "api", "clock_skew": 30, "jwks_refresh_interval": "5m", "jwks_cooldown": "00:00:10",
        "jwks_max_stale": "1h", "jwks_request_timeout": 3, "max_token_size": 16_384, "cache_tokens": false,
        "max_cached_tokens": 500, "max_cached_bytes": 65_536, "max_concurrent_verifications": 3,
    });
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let texts =
        numbers.as_object().unwrap().iter().map(|(key, value)| (key.to_uppercase(), text(value).into()));
    assert_same(&Value::Object(texts.collect()), expected());
    assert_same(&numbers, expected());
    let other = config(&json!({ "audience": "api" })).build().unwrap().replace(expected()).unwrap();
    let restart = ["cache_tokens", "max_cached_tokens", "max_cached_bytes", "max_concurrent_verifications"];
    assert!(restart.iter().all(|option| other.needs_restart().contains(option)), "{other}");
}

fn external() -> TrustedIssuer {
    TrustedIssuer::external("https://login.example").name("partner").audience("orders-api")
}

/// Asserts the meaning of an entry of `issuers`, in a list and in a table.
fn assert_issuer(keys: &Value, expected: TrustedIssuer) {
    let mut named = keys.clone();
    named["name"] = "partner".into();
    for issuers in [json!([named]), json!({ "partner": keys }), json!({ "0": named })] {
        let config = json!({ "audience": "api", "issuers": issuers });
        assert_same(&config, TokenVerifier::builder("api").trust(expected.clone()));
    }
    let only = json!({ "passport": false, "issuers": { "partner": keys } });
    assert_same(&only, TokenVerifier::trusting(expected));
}

#[test]
fn options_of_an_external_issuer_are_read() {
    let keys = json!({
        "issuer": "https://login.example", "audience": "orders-api", "audience_claim": "azp",
        "jwks_url": "https://keys.example", "jwks_cache_file": "/var/lib/keys.json", "algorithms": "ES256",
        "token_types": ["at+jwt"], "clock_skew": 5, "jwks_refresh_interval": "1h", "jwks_cooldown": "1m",
        "require_claims": [{ "claim": "typ", "equals": "Bearer" }, { "claim": "cid", "present": true }],
        "tenant": { "fixed": "contoso" },
        "claims": {
            "subject": "oid", "email": ["email", "upn"], "display_name": "preferred_username",
            "roles_from": ["realm_access.roles"], "roles": { "clerks": "orders.clerk" },
            "keep_unmapped_roles": true, "permissions_from": "scp",
            "service_account": { "claim": "sub", "starts_with": "service-" },
        },
    });
    let map = ClaimMap::new()
        .subject("oid")
        .email(["email", "upn"])
        .display_name(["preferred_username"])
        .roles_from(["realm_access.roles"])
        .role("clerks", "orders.clerk")
        .keep_unmapped_roles()
        .permissions_from("scp")
        .service_account(ClaimCondition::starts_with("sub", "service-"));
    let expected = external()
        .audience_claim(AudienceClaim::Azp)
        .jwks_url("https://keys.example")
        .jwks_cache_file("/var/lib/keys.json")
        .algorithms([Algorithm::Es256])
        .token_types(["at+jwt"])
        .clock_skew(std::time::Duration::from_secs(5))
        .jwks_refresh_interval(std::time::Duration::from_secs(3600))
        .jwks_cooldown(std::time::Duration::from_secs(60))
        .require_claim(ClaimCondition::equals("typ", "Bearer"))
        .require_claim(ClaimCondition::present("cid"))
        .tenant(TenantRule::fixed("contoso"))
        .claims(map);
    assert_issuer(&keys, expected);
}

#[test]
fn tenant_rules_are_read() {
    let table = [("a", "contoso"), ("b", "fabrikam")];
    for (tenant, expected) in [
        (json!({ "fixed": "contoso" }), TenantRule::fixed("contoso")),
        (json!({ "claim": "org.id" }), TenantRule::claim("org.id")),
        (json!({ "claim": "tid", "danger_any_tenant": true }), TenantRule::claim("tid").danger_any_tenant()),
        (
            json!({ "claim": "tid", "table": { "a": "contoso", "b": "fabrikam" } }),
            TenantRule::table("tid", table),
        ),
    ] {
        let keys = json!({ "issuer": "https://login.example", "audience": "orders-api", "tenant": tenant });
        assert_issuer(&keys, external().tenant(expected));
    }
}

#[test]
fn presets_set_the_options_of_their_provider() {
    let directory = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    for (keys, preset) in [
        (json!({ "preset": "entra", "directory": directory }), TrustedIssuer::entra(directory)),
        (
            json!({ "preset": "entra_multi_tenant", "allowed_directories": directory }),
            TrustedIssuer::entra_multi_tenant().allowed_directories([directory]),
        ),
        (
            json!({ "preset": "entra_multi_tenant", "danger_any_directory": true }),
            TrustedIssuer::entra_multi_tenant().danger_any_directory(),
        ),
        (
            json!({ "preset": "okta", "issuer": "https://a.example" }),
            TrustedIssuer::okta("https://a.example"),
        ),
        (json!({ "preset": "auth0", "domain": "a.example" }), TrustedIssuer::auth0("a.example")),
        (
            json!({ "preset": "keycloak", "issuer": "https://a.example" }),
            TrustedIssuer::keycloak("https://a.example"),
        ),
        (json!({ "preset": "cognito", "region": "eu", "user_pool": "p" }), TrustedIssuer::cognito("eu", "p")),
        (json!({ "preset": "google" }), TrustedIssuer::google()),
    ] {
        let mut keys = keys;
        keys["audience"] = "orders-api".into();
        keys["tenant"] = json!({ "claim": "sub", "table": { "a": "contoso" } });
        keys["claims"] = json!({ "email": "mail" });
        let tenant = TenantRule::table("sub", [("a", "contoso")]);
        let preset = preset.name("partner").audience("orders-api").tenant(tenant);
        assert_issuer(&keys, preset.map_claims(|map| map.email(["mail"])));
    }
}

#[test]
fn further_passport_is_read() {
    let keys =
        json!({ "kind": "passport", "issuer": "https://passport.eu.example", "audience": "orders-api" });
    let expected = TrustedIssuer::passport("https://passport.eu.example").audience("orders-api");
    assert_issuer(&keys, expected.name("partner"));
}

#[test]
fn allowed_issuers_of_tenants_are_read() {
    let config = json!({
        "audience": "api",
        "issuers": { "partner": { "issuer": "https://login.example", "audience": "orders-api", "tenant": { "claim": "t" } } },
        "tenants": { "contoso": { "allowed_issuers": ["https://login.example", "https://passport.bizfirst.ai"] } },
    });
    let issuers = ["https://login.example", "https://passport.bizfirst.ai"];
    let builder = TokenVerifier::builder("api").trust(external().tenant(TenantRule::claim("t")));
    assert_same(&config, builder.allowed_issuers("contoso", issuers));
}

#[test]
fn policies_are_requirements() {
    for (policy, expected) in [
        (json!({ "role": "clerk" }), "role clerk"),
        (json!({ "any_role": ["clerk", "admin"] }), "any of the roles clerk, admin"),
        (json!({ "all_roles": "clerk admin" }), "all of the roles clerk, admin"),
        (json!({ "permission": ["a.read", "b.read"] }), "(permission a.read and permission b.read)"),
        (json!({ "scopes": ["a", "b"] }), "scopes a b"),
        (json!({ "tenant": "contoso" }), "tenant contoso"),
        (json!({ "tenant_in_header": "X-Tenant-Id" }), "tenant in the header x-tenant-id"),
        (json!({ "service_account": true }), "service account"),
        (json!({ "user": "true", "multi_factor": true }), "(user and multi-factor authentication)"),
        (json!({ "passport": true }), "token of Passport"),
        (json!({ "issuer": "partner" }), "token of the issuer partner"),
        (json!({ "acr": "urn:acr" }), "authentication context urn:acr"),
        (json!({ "not": { "service_account": true } }), "not service account"),
        (
            json!({ "role": "a", "any": [{ "user": true, "not": { "role": "c" } }, { "any": [{ "role": "d" }] }] }),
            "(role a and ((user and not role c) or role d))",
        ),
    ] {
        let partner = json!({ "preset": "okta", "issuer": "https://a.example", "audience": "api", "tenant": { "fixed": "t" } });
        let issuers = json!({ "partner": partner });
        let config =
            config(&json!({ "audience": "api", "issuers": issuers, "policies": { "clerks": policy } }));
        config.build().unwrap();
        assert_eq!(config.policy("clerks").unwrap().to_string(), expected, "{policy}");
    }
}

#[test]
fn unknown_policy_is_reported_with_the_known_ones() {
    let config =
        config(&json!({ "policies": { "clerks": { "role": "clerk" }, "admins": { "role": 7.5e3 } } }));
    assert_eq!(config.policy("clerks").unwrap(), Requirement::role("clerk"));
    let message = config.policy("clerk").unwrap_err().to_string();
    assert!(
        message.contains("policies.clerk: unknown policy; known policies are admins, clerks"),
        "{message}"
    );
    let message = config.policy("admins").unwrap_err().to_string();
    assert!(message.contains("policies.admins.role: 7500.0: expected a list of strings"), "{message}");
}
