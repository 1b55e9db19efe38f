//! Introspection, of an issuer and of a policy.

use std::{num::NonZeroUsize, time::Duration};

use passport_core::{
    ClientAuthentication, PrivateKeyJwt, ResolvedSecret, SecretError, SecretProvider, SecretProviders,
    SecretRef, SecretSource, SigningAlgorithm,
};
use passport_inbound::{
    Introspection, IntrospectionMode, Requirement, TenantRule, TokenVerifier, TrustedIssuer,
};

use super::{formats::environment, *};

/// Asserts that the table `introspection` of Passport has the same meaning as `expected`.
fn assert_same(keys: &Value, expected: Introspection) {
    let verifier = config(&with(&json!({ "introspection": keys }))).build().unwrap();
    let changes = verifier.replace(TokenVerifier::builder("bizfirstgo-api").introspection(expected)).unwrap();
    assert!(changes.is_empty(), "{keys}: {changes}");
}

/// Returns a valid table to which `changes` are applied.
fn table(changes: &Value) -> Value {
    changed(json!({ "client_id": "orders-api", "client_secret_ref": "env:SECRET" }), changes)
}

fn settings() -> Introspection {
    Introspection::new("orders-api", SecretSource::env("SECRET"))
}

#[test]
fn client_id_and_secret_are_the_required_keys() {
    assert_same(&table(&json!({})), settings());
}

#[test]
fn modes_are_read() {
    let age = Duration::from_secs(5);
    for (keys, mode) in [
        (json!({ "mode": "local" }), IntrospectionMode::Local),
        (json!({ "mode": "local_then_introspect" }), IntrospectionMode::local_then_introspect()),
        (
            json!({ "mode": "local_then_introspect", "max_age": 5 }),
            IntrospectionMode::LocalThenIntrospect { max_age: age },
        ),
        (json!({ "mode": "Introspect" }), IntrospectionMode::Introspect),
        (json!({ "mode": "opaque" }), IntrospectionMode::opaque()),
        (json!({ "mode": "opaque", "max_age": "5s" }), IntrospectionMode::Opaque { max_age: age }),
    ] {
        assert_same(&table(&keys), settings().mode(mode));
    }
}

#[test]
fn limits_are_read_from_numbers_and_strings() {
    let expected = || {
        settings()
            .endpoint("https://passport.eu.example/introspect")
            .timeout(Duration::from_millis(1500))
            .max_concurrent(NonZeroUsize::new(8).unwrap())
            .max_cached(500)
            .max_unknown_per_second(20)
            .danger_continue_when_unreachable(Duration::from_secs(600))
            .require_signed()
    };
    let endpoint = "https://passport.eu.example/introspect";
    assert_same(
        &table(&json!({
            "endpoint": endpoint, "timeout": 1.5, "max_concurrent": 8, "max_cached": 500,
            "max_unknown_per_second": 20, "danger_continue_when_unreachable": "10m", "require_signed": true,
        })),
        expected(),
    );
    assert_same(
        &table(&json!({
            "Endpoint": endpoint, "TIMEOUT": "1500ms", "maxConcurrent": "8", "MaxCached": "500",
            "MAX_UNKNOWN_PER_SECOND": "20", "danger_continue_when_unreachable": "600",
            "RequireSigned": "true",
        })),
        expected(),
    );
    assert_same(&table(&json!({ "require_signed": false })), settings());
}

#[test]
fn introspection_is_read_from_environment_variables() {
    let variables = [
        ("VERIFIER__AUDIENCE", "api"),
        ("VERIFIER__INTROSPECTION__MODE", "local_then_introspect"),
        ("VERIFIER__INTROSPECTION__CLIENT_ID", "orders-api"),
        ("VERIFIER__INTROSPECTION__CLIENT_SECRET_REF", "env:SECRET"),
        ("VERIFIER__INTROSPECTION__MAX_CACHED", "500"),
        ("VERIFIER__POLICIES__PAY__INTROSPECTED_WITHIN", "5"),
    ];
    let config = environment(&variables);
    let expected = settings().mode(IntrospectionMode::local_then_introspect()).max_cached(500);
    let expected = TokenVerifier::builder("api").introspection(expected);
    assert!(config.build().unwrap().replace(expected).unwrap().is_empty());
    assert_eq!(config.policy("pay").unwrap().to_string(), "token introspected within 5s");
}

#[test]
fn client_authentication_is_that_of_identities() {
    let signed = PrivateKeyJwt::new(SigningAlgorithm::Es256).key_id("k1").audience("https://a.example");
    for (keys, method) in [
        (json!({ "client_authentication": "client_secret_basic" }), ClientAuthentication::ClientSecretBasic),
        (
            json!({ "client_authentication": "client_secret_basic_raw" }),
            ClientAuthentication::ClientSecretBasicRaw,
        ),
        (json!({ "client_authentication": "client_secret_post" }), ClientAuthentication::ClientSecretPost),
        (
            json!({ "client_authentication": "private_key_jwt" }),
            PrivateKeyJwt::new(SigningAlgorithm::Rs256).into(),
        ),
        (
            json!({
                "client_authentication": "private_key_jwt", "signing_algorithm": "ES256", "key_id": "k1",
                "assertion_audience": "https://a.example",
            }),
            signed.into(),
        ),
    ] {
        assert_same(&table(&keys), settings().client_authentication(method));
    }
}

#[test]
fn secret_references_are_those_of_identities() {
    let secret = |source| Introspection::new("orders-api", source);
    let (env, file) = (|| SecretSource::env("SECRET"), || SecretSource::file("/run/secrets/orders"));
    let both = json!(["file:/run/secrets/orders", "env:SECRET"]);
    assert_same(&table(&json!({ "client_secret_ref": both })), secret(file().or(env())));
    let named = json!({ "client_secret_ref": "SECRET", "secret_provider": "env" });
    assert_same(&table(&named), secret(env()));
}

#[test]
fn further_issuer_has_its_own_introspection() {
    let introspection = table(&json!({ "endpoint": "https://login.example/introspect" }));
    let verifier = config(&with_issuer(&json!({ "introspection": introspection }))).build().unwrap();
    let partner = TrustedIssuer::external("https://login.example").name("partner").audience("orders-api");
    let partner = partner.tenant(TenantRule::fixed("partner"));
    let partner = partner.introspection(settings().endpoint("https://login.example/introspect"));
    let changes = verifier.replace(TokenVerifier::builder("bizfirstgo-api").trust(partner)).unwrap();
    assert!(changes.is_empty(), "{changes}");
}

#[test]
fn external_provider_has_its_own_introspection() {
    let endpoint = "https://company.okta.com/oauth2/default/v1/introspect";
    for (mode, expected) in [
        ("local_then_introspect", IntrospectionMode::local_then_introspect()),
        ("opaque", IntrospectionMode::opaque()),
    ] {
        let introspection = table(&json!({ "mode": mode, "Endpoint": endpoint }));
        let verifier = config(&with_provider(&json!({ "Introspection": introspection }))).build().unwrap();
        let okta = TrustedIssuer::external("https://company.okta.com/oauth2/default").name("okta");
        let okta = okta.audience("api://bizfirstgo").tenant(TenantRule::claim("tenant_id"));
        let okta = okta.introspection(settings().endpoint(endpoint).mode(expected));
        let changes = verifier.replace(TokenVerifier::builder("bizfirstgo-api").trust(okta)).unwrap();
        assert!(changes.is_empty(), "{mode}: {changes}");
    }
}

#[test]
fn external_provider_with_opaque_tokens_is_one_of_them() {
    let opaque = |endpoint| table(&json!({ "mode": "opaque", "endpoint": endpoint }));
    let mut both = with_provider(&json!({ "introspection": opaque("https://company.okta.com/introspect") }));
    both["introspection"] = table(&json!({ "mode": "opaque" }));
    let problem = "ExternalProviders[0].introspection.mode: \"opaque\": another trusted issuer has opaque tokens, which \
                   do not name their issuer; choose another mode for one of them";
    assert_eq!(mistakes(&both), [problem]);
}

#[test]
fn policy_about_an_external_provider_uses_its_introspection() {
    let introspection = table(&json!({ "endpoint": "https://company.okta.com/introspect" }));
    let mut config = with_provider(&json!({ "introspection": introspection }));
    config["policies"] = json!({ "pay": { "introspected_within": "5s", "issuer": "okta" } });
    assert_eq!(mistakes(&config), [""; 0]);
}

#[test]
fn policy_about_an_issuer_needs_the_introspection_of_that_issuer() {
    let mut partner = with_issuer(&json!({}));
    partner["introspection"] = table(&json!({}));
    partner["policies"] = json!({ "pay": { "introspected_within": "5s" } });
    assert_eq!(mistakes(&partner), [""; 0], "tokens of Passport can meet it");
    partner["policies"]["pay"]["issuer"] = "partner".into();
    let problem = "policies.pay.introspected_within: the issuer partner does not have the table introspection; \
                   add it to the issuer of the tokens";
    assert_eq!(mistakes(&partner), [problem]);
}

#[test]
fn second_issuer_with_opaque_tokens_is_reported() {
    let opaque = table(&json!({ "mode": "opaque", "endpoint": "https://login.example/introspect" }));
    let mut both = with_issuer(&json!({ "Introspection": opaque }));
    assert_eq!(mistakes(&both), [""; 0]);
    both["introspection"] = table(&json!({ "mode": "opaque" }));
    let problem = "issuers[0].Introspection.mode: \"opaque\": another trusted issuer has opaque tokens, which do not \
                   name their issuer; choose another mode for one of them";
    assert_eq!(mistakes(&both), [problem]);
}

#[test]
fn reload_changes_introspection() {
    let builder = |table: Value| config(&with(&json!({ "introspection": table }))).builder().unwrap();
    let verifier = builder(table(&json!({}))).build().unwrap();
    let unchanged = verifier.replace(builder(table(&json!({ "timeout": "2s" })))).unwrap();
    assert!(unchanged.is_empty(), "2 s is the default: {unchanged}");
    let all = [
        json!({ "mode": "introspect" }),
        json!({ "endpoint": "https://passport.eu.example/introspect" }),
        json!({ "client_id": "other" }),
        json!({ "client_secret_ref": "env:OTHER" }),
        json!({ "client_authentication": "client_secret_post" }),
        json!({ "timeout": "1s" }),
        json!({ "max_concurrent": 1 }),
        json!({ "max_cached": 1 }),
        json!({ "max_unknown_per_second": 1 }),
        json!({ "danger_continue_when_unreachable": "1s" }),
        json!({ "require_signed": true }),
    ];
    for keys in all {
        let changes = verifier.replace(builder(table(&keys))).unwrap();
        assert_eq!((changes.changed().len(), changes.needs_restart()), (1, &[][..]), "{keys}");
    }
    let without = verifier.replace(config(&with(&json!({}))).builder().unwrap()).unwrap();
    assert_eq!(without.changed().len(), 1);
}

/// A provider with a state, as that of a vault.
#[derive(Debug)]
struct Vault(#[expect(dead_code, reason = "only its size counts")] u8);

impl SecretProvider for Vault {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        Ok(ResolvedSecret::new("s3cret".into()))
    }
}

#[test]
fn providers_of_the_program_are_used() {
    let secrets = SecretProviders::default().with("vault", Vault(1));
    let table = table(&json!({ "client_secret_ref": "vault:orders" }));
    let read = |secrets: &SecretProviders| {
        config(&with(&json!({ "introspection": table }))).with_secrets(secrets.clone())
    };
    let verifier = read(&secrets).build().unwrap();
    assert!(verifier.replace(read(&secrets).builder().unwrap()).unwrap().is_empty());
    let other = SecretProviders::default().with("vault", Vault(1));
    assert!(!verifier.replace(read(&other).builder().unwrap()).unwrap().is_empty());
    assert!(read(&SecretProviders::default()).build().is_err());
}

#[test]
fn secret_sources_have_the_keys_of_their_tables() {
    let mut all = with_issuer(&json!({
        "introspection": table(&json!({ "client_secret_ref": ["file:/a", "systemd:b"] })),
    }));
    all["introspection"] = table(&json!({ "timeout": "wrong" }));
    let provider = json!({ "Introspection": table(&json!({ "client_secret_ref": "env:OKTA" })) });
    all["ExternalProviders"] = with_provider(&provider)["ExternalProviders"].clone();
    let found = config(&all).secret_sources();
    let found: Vec<_> = found.iter().map(|(key, source)| (&**key, source.reference().to_string())).collect();
    let expected = [
        ("introspection.client_secret_ref", "env:SECRET".to_owned()),
        ("issuers[0].introspection.client_secret_ref", "file:/a".to_owned()),
        ("issuers[0].introspection.client_secret_ref", "systemd:b".to_owned()),
        ("ExternalProviders[0].Introspection.client_secret_ref", "env:OKTA".to_owned()),
    ];
    assert_eq!(found, expected);
    assert!(
        config(&with(&json!({ "introspection": table(&json!({ "client_secret_ref": "x" })) })))
            .secret_sources()
            .is_empty()
    );
}

#[test]
fn policy_requires_introspection() {
    for (keys, expected) in [
        (json!({ "introspected_within": "5s" }), "token introspected within 5s"),
        (json!({ "introspectedWithin": "0" }), "introspected token"),
        (
            json!({ "role": "payroll.run", "introspected_within": 15 }),
            "(role payroll.run and token introspected within 15s)",
        ),
    ] {
        let config =
            config(&with(&json!({ "introspection": table(&json!({})), "policies": { "pay": keys } })));
        config.build().unwrap();
        assert_eq!(config.policy("pay").unwrap().to_string(), expected, "{keys}");
    }
}

#[test]
fn policy_continues_without_an_answer() {
    for (max_age, requirement) in [
        ("0", Requirement::introspected()),
        ("5s", Requirement::introspected_within(Duration::from_secs(5)).unwrap()),
    ] {
        let policy = json!({ "introspected_within": max_age, "DangerContinueWhenUnreachable": "1m" });
        let config =
            config(&with(&json!({ "introspection": table(&json!({})), "policies": { "pay": policy } })));
        let expected = requirement.danger_continue_when_unreachable(Duration::from_secs(60)).unwrap();
        assert_eq!(config.policy("pay").unwrap(), expected, "{max_age}");
    }
}

#[test]
fn policy_with_introspection_needs_an_issuer_with_it() {
    let policies = json!({ "pay": { "any": [{ "introspected_within": "5s" }] } });
    let config = config(&with(&json!({ "policies": policies })));
    let message = config.policy("pay").unwrap_err().to_string();
    assert!(message.contains("policies.pay.introspected_within: no trusted issuer"), "{message}");
    let introspection = table(&json!({ "endpoint": "https://login.example/introspect" }));
    let mut with_partner = with_issuer(&json!({ "introspection": introspection }));
    with_partner["policies"] = policies;
    assert_eq!(mistakes(&with_partner), [""; 0]);
}

#[test]
fn secrets_are_in_no_message_about_introspection() {
    let schema = VerifierConfig::json_schema();
    let keys = schema["$defs"]["introspection"]["properties"].as_object().unwrap().keys();
    for value in
        [json!("mics_sk_hidden1234567890"), json!("https://user:hidden@login.example"), json!(["hidden"])]
    {
        for key in keys.clone() {
            let mut introspection = table(&json!({}));
            introspection[key] = value.clone();
            let messages = mistakes(&with(&json!({ "introspection": introspection }))).join("\n");
            assert!(!messages.contains("hidden") || value.is_array(), "{key}: {messages}");
        }
    }
}
