//! Configurations from TOML, YAML and JSON, and from the environment.

use ::config::{Config, ConfigBuilder, Environment, File, FileFormat, builder::DefaultState};
use passport_inbound::{TenantRule, TokenVerifier, TrustedIssuer};

use super::*;

fn read(source: ConfigBuilder<DefaultState>) -> VerifierConfig {
    source.build().unwrap().try_deserialize().unwrap()
}

fn file(text: &str, format: FileFormat) -> VerifierConfig {
    read(Config::builder().add_source(File::from_str(text, format)))
}

pub(super) fn environment(variables: &[(&str, &str)]) -> VerifierConfig {
    let variables = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let source = Environment::with_prefix("VERIFIER").separator("__").source(Some(variables));
    read(Config::builder().add_source(source))
}

#[test]
fn two_environment_variables_are_enough() {
    let variables =
        [("VERIFIER__AUDIENCE", "bizfirstgo-api"), ("VERIFIER__ISSUER", "https://passport.eu.example")];
    let verifier = environment(&variables).build().unwrap();
    let expected = TokenVerifier::builder("bizfirstgo-api").issuer("https://passport.eu.example");
    assert!(verifier.replace(expected).unwrap().is_empty());
}

#[test]
fn every_format_has_the_same_meaning() {
    let toml = "audience = \"api\"\nclock_skew = 30\n[issuers.partner]\nissuer = \"https://login.example\"\n\
                audience = \"orders-api\"\ntenant = { fixed = \"contoso\" }\n";
    let yaml = "audience: api\nclock_skew: 30\nissuers:\n  - name: partner\n    issuer: https://login.example\n    \
                audience: orders-api\n    tenant:\n      fixed: contoso\n";
    let json = r#"{ "Audience": "api", "ClockSkew": 30, "Issuers": [{ "Name": "partner",
        "Issuer": "https://login.example", "Audience": "orders-api", "Tenant": { "Fixed": "contoso" } }] }"#;
    let variables = [
        ("VERIFIER__AUDIENCE", "api"),
        ("VERIFIER__CLOCK_SKEW", "30"),
        ("VERIFIER__ISSUERS__PARTNER__ISSUER", "https://login.example"),
        ("VERIFIER__ISSUERS__PARTNER__AUDIENCE", "orders-api"),
        ("VERIFIER__ISSUERS__PARTNER__TENANT__FIXED", "contoso"),
    ];
    let partner = TrustedIssuer::external("https://login.example").name("partner").audience("orders-api");
    let partner = partner.tenant(TenantRule::fixed("contoso"));
    for config in [
        file(toml, FileFormat::Toml),
        file(yaml, FileFormat::Yaml),
        file(json, FileFormat::Json),
        environment(&variables),
    ] {
        let expected = TokenVerifier::builder("api").clock_skew(std::time::Duration::from_secs(30));
        let changes = config.build().unwrap().replace(expected.trust(partner.clone())).unwrap();
        assert!(changes.is_empty(), "{config:?} {changes}");
    }
}

#[test]
fn reload_keeps_what_is_unchanged() {
    let partner = |audience: &str| json!({ "issuer": "https://login.example", "audience": audience, "tenant": { "fixed": "contoso" } });
    let with = |issuers: Value| config(&json!({ "audience": "api", "issuers": issuers })).builder().unwrap();
    let verifier = with(json!({ "a": partner("one") })).build().unwrap();
    let changes = verifier.replace(with(json!({ "a": partner("one") }))).unwrap();
    assert!(changes.is_empty(), "{changes}");
    let changes = verifier.replace(with(json!({ "a": partner("two") }))).unwrap();
    assert_eq!(changes.changed(), ["a"], "{changes}");
    let changes = verifier.replace(config(&json!({ "audience": "api" })).builder().unwrap()).unwrap();
    assert_eq!(changes.removed(), ["a"], "{changes}");
    assert_eq!(changes.unchanged().len(), 1);
}

#[test]
fn documented_files_are_valid() {
    let page = include_str!("../../../../../docs/configuration.md");
    let (_, page) = page.split_once("## Verifier configuration\n").unwrap();
    let files: Vec<_> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for text in files {
        let config = file(text, FileFormat::Toml).with_deny_list(DenyList::new());
        let verifier = config.build().unwrap();
        let _ = config.layer(verifier).unwrap();
    }
}

#[test]
fn layer_has_the_public_paths() {
    let config = config(&json!({
        "audience": "api", "public_paths": ["/health", "/assets/{*file}"],
        "public_grpc_services": "grpc.health.v1.Health",
    }));
    let layer = config.layer(config.build().unwrap()).unwrap();
    // A path that is public cannot be added again.
    for path in ["/health", "/assets/{*other}", "/grpc.health.v1.Health/{method}"] {
        assert!(layer.clone().public_paths([path]).is_err(), "{path}");
    }
    assert!(layer.public_paths(["/other"]).is_ok());
}
