//! What is said about configurations that are wrong.

use serde_json::json;

use super::*;

/// What is said about `config`; one line for each mistake.
fn mistakes(config: Value) -> Vec<String> {
    let config: ManagedIdentityConfig = serde_json::from_value(config).unwrap();
    let outcome = config.builder(Providers::default());
    let Err(error) = outcome else { return Vec::new() };
    error.problems().iter().map(|problem| format!("{}: {}", problem.option, problem.problem)).collect()
}

/// The same, of one that is right but for `wrong`.
fn mistakes_with(wrong: &Value) -> Vec<String> {
    let mut config = json!({ "client_id": "mi-1", "client_secret_ref": "env:SECRET" });
    config.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
    mistakes(config)
}

/// Key, value as a configuration has it, whether the message may show it, and what it advises.
type Mistake = (&'static str, Value, Shown, &'static str);

#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Value,
    Nothing,
}

use Shown::{Nothing, Value as Shows};

fn wrong_identities() -> Vec<Mistake> {
    vec![
        ("client_id", json!(null), Nothing, "name the managed identity of this service"),
        ("client_id", json!(""), Shows, "give it a value"),
        ("client_id", json!("  "), Shows, "give it a value"),
        ("client_id", json!("mi\u{e9}"), Shows, "only printable ASCII is allowed"),
        ("client_id", json!(["mi-1"]), Shows, "write one, in quotes"),
        ("client_id", json!("mics_sk_hidden\u{e9}"), Nothing, "only printable ASCII is allowed"),
        ("client_secret_ref", json!(null), Nothing, "say where the secret is: env:NAME or file:/path"),
        ("client_secret_ref", json!("mics_sk_hidden"), Nothing, "expected env:NAME or file:/path"),
        ("client_secret_ref", json!("vault:hidden"), Nothing, "there are env, file"),
        ("client_secret_ref", json!("env:"), Nothing, "expected env:NAME or file:/path"),
        ("client_secret_ref", json!({ "hidden": 1 }), Nothing, "write one, in quotes"),
        ("client_secret", json!("mics_sk_hidden"), Nothing, "put it where a reference points"),
        ("secret", json!("mics_sk_hidden"), Nothing, "a common prefix has brought here"),
        ("secret_provider", json!("4hidden8Q~Zx9f7Gh2"), Nothing, "there are env, file"),
        ("client_authentication", json!("MIGHAgEAhiddenBgkqhkjOPQ"), Nothing, "one of client_secret_basic"),
        ("scopes", json!("\"4hidden8QxZx9f7Gh2"), Nothing, "separate scopes by one blank"),
        ("ClientSecret", json!("mics_sk_hidden"), Nothing, "put it where a reference points"),
        ("private_key", json!("hidden"), Nothing, "put it where a reference points"),
        ("secret_provider", json!("AzureKeyVault"), Shows, "handed to build_with"),
        ("secret_provider", json!(""), Shows, "leave the key out"),
        ("secret_provider", json!(true), Shows, "write one, in quotes"),
        ("secret_provider", json!("mics_sk_hidden"), Nothing, "there are env, file"),
        ("scopes", json!(""), Shows, "name at least one"),
        ("scopes", json!([]), Shows, "name at least one"),
        ("scopes", json!(["openid", 7]), Shows, "a list of texts, or one text with spaces"),
        ("scopes", json!("open\"id"), Shows, "separate scopes by one blank"),
        ("cache", json!("redis"), Nothing, "name a store in it"),
        ("cache", json!({}), Nothing, "name one"),
        ("cache", json!({ "a": {}, "b": {} }), Nothing, "name one"),
        ("cache_tokens", json!("yes"), Shows, "neither true nor false"),
        ("cache_tokens", json!(1), Shows, "neither true nor false"),
        ("refresh_threshold", json!("soon"), Shows, "write seconds (60)"),
        ("refresh_threshold", json!(-60), Shows, "write seconds (60)"),
        ("refresh_threshold", json!("00:99:00"), Shows, "\"00:01:00\""),
        ("refresh_threshold", json!(true), Shows, "write seconds (60)"),
        ("request_timeout", json!(0), Shows, "no attempt could succeed"),
        ("request_timeout", json!("1h"), Shows, "longer than 10 min"),
        ("request_timeout", json!("10 parsecs"), Shows, "write seconds (60)"),
    ]
}

fn wrong_addresses() -> Vec<Mistake> {
    let expected = "expected https://host";
    vec![
        ("passport_base_url", json!("passport.bizfirst.ai"), Shows, expected),
        ("passport_base_url", json!("http://passport.bizfirst.ai"), Shows, "use https"),
        ("passport_base_url", json!("https://user:hidden@passport.bizfirst.ai"), Nothing, expected),
        ("passport_base_url", json!("https://passport.bizfirst.ai/?code=hidden"), Nothing, expected),
        ("passport_base_url", json!(443), Shows, expected),
        ("token_url", json!("/passport/token"), Shows, expected),
        ("token_url", json!("http://passport.bizfirst.ai/passport/token"), Shows, "use https"),
        ("base_url", json!("api.bizfirst.ai"), Shows, "write https://host"),
        ("base_url", json!("http://api.bizfirst.ai"), Shows, "only over https"),
        ("base_url", json!("https://api.bizfirst.ai/?key=hidden"), Nothing, "leave them to the requests"),
        ("also_allow", json!(["https://a.example/path"]), Shows, "expected https://host[:port]"),
        ("also_allow", json!("http://a.example"), Shows, "only over https"),
        ("passport_base_url", json!("http://passport"), Shows, "danger_plain_http"),
        ("token_url", json!("http://passport/token"), Shows, "danger_plain_http"),
        ("base_url", json!("http://api"), Shows, "danger_plain_http"),
        ("also_allow", json!("http://api"), Shows, "danger_plain_http"),
        ("ca_file", json!("/no/such/ca.pem"), Shows, "No such file"),
        ("danger_plain_http", json!("yes"), Shows, "neither true nor false"),
        ("user_agent", json!("a\nb"), Shows, "write product/version"),
        ("also_allow", json!([]), Shows, "name at least one"),
        ("also_allow", json!(["https://user:hidden@a.example"]), Nothing, "expected https://host[:port]"),
    ]
}

fn wrong_proofs_and_unknown_keys() -> Vec<Mistake> {
    let signs = "for client_authentication = \"private_key_jwt\" only";
    vec![
        (
            "client_authentication",
            json!("basic"),
            Shows,
            "one of client_secret_basic, client_secret_basic_raw",
        ),
        ("client_authentication", json!(7), Shows, "one of client_secret_basic, client_secret_basic_raw"),
        ("signing_algorithm", json!("RS256"), Shows, signs),
        ("key_id", json!("key-7"), Shows, signs),
        ("assertion_audience", json!("https://passport.bizfirst.ai"), Shows, signs),
        ("refreshThreshold", json!("60s"), Nothing, "did you mean `refresh_threshold`?"),
        ("ClientId", json!("mi-1"), Nothing, "did you mean `client_id`?"),
        ("scope", json!("openid"), Nothing, "did you mean `scopes`?"),
        ("cache-tokens", json!(true), Nothing, "did you mean `cache_tokens`?"),
        ("passport_url", json!("https://hidden"), Nothing, "did you mean `passport_base_url`?"),
        ("colour", json!("hidden"), Nothing, "there are client_id, client_secret_ref,"),
    ]
}

#[test]
fn each_mistake_is_told_with_its_key_its_value_and_what_to_do() {
    let all = [wrong_identities(), wrong_addresses(), wrong_proofs_and_unknown_keys()].concat();
    assert!(all.len() >= 40, "{}", all.len());
    for (key, value, shown, advice) in all {
        let told = mistakes_with(&json!({ key: value }));
        let [told] = &told[..] else { panic!("{key} = {value} makes one mistake: {told:?}") };
        assert!(told.starts_with(&format!("{key}: ")), "{told}");
        assert_eq!(told.contains(&value.to_string()), shown == Shows, "{told}");
        assert!(told.contains(advice), "{told}");
        assert!(!told.contains("hidden"), "{told}");
    }
}

#[test]
fn what_does_not_go_together_is_told() {
    for (wrong, told) in [
        (
            json!({ "client_authentication": "client_secret_basic_raw", "client_id": "mi:1" }),
            "client_authentication: \"client_secret_basic_raw\": a client id with a colon cannot be told from its \
             secret when neither is encoded; use client_secret_basic",
        ),
        (
            json!({ "client_authentication": "private_key_jwt", "signing_algorithm": "HS256" }),
            "signing_algorithm: \"HS256\": it is not one of RS256, PS256, ES256",
        ),
        (
            json!({ "secret_provider": "env", "client_secret_ref": ["env:A", "env:B"] }),
            "secret_provider: \"env\": of several references each names its provider (env:NAME); leave this out",
        ),
        (
            json!({ "client_secret_ref": ["env:A", "hidden"] }),
            "client_secret_ref: not a secret reference: expected env:NAME or file:/path (the text is not shown, in case \
             it is the secret itself)",
        ),
        (json!({ "client_secret_ref": [] }), "client_secret_ref: it is empty; name at least one"),
        (
            json!({ "cache": { "sidecar": { "endpoint": "unix:///run/s.sock" } } }),
            "client_secret_ref: the sidecar has the secret; leave it out here",
        ),
        (
            json!({ "secret_provider": "env", "client_secret_ref": "" }),
            "client_secret_ref: it is empty; give it a value or leave the key out",
        ),
    ] {
        assert_eq!(mistakes_with(&wrong), [told]);
    }
}

#[test]
fn at_a_sidecar_there_is_no_secret_and_the_sidecar_is_on_this_machine() {
    let at = |endpoint: &str| json!({ "client_id": "mi-1", "cache": { "sidecar": { "endpoint": endpoint, "caller_token_ref": "env:TOKEN" } } });
    assert_eq!(mistakes(at("unix:///run/passport/sidecar.sock")), [""; 0]);
    assert_eq!(
        mistakes(at("http://sidecar:7070")),
        [
            "cache.sidecar.endpoint: \"http://sidecar:7070\": not the address of a sidecar: a sidecar is at unix:///path or http://127.0.0.1:port, on this machine"
        ]
    );
}

#[test]
fn every_mistake_is_told_at_once() {
    let told = mistakes(json!({
        "clientid": "mi-1",
        "passport_base_url": "passport",
        "scopes": [],
        "refresh_threshold": "soon",
        "request_timeout": 0,
        "client_authentication": "mtls",
        "base_url": "api",
        "also_allow": ["http://a", "b"],
    }));
    let keys: Vec<_> = told.iter().map(|told| told.split(':').next().unwrap()).collect();
    let expected = [
        "clientid",
        "also_allow",
        "also_allow",
        "base_url",
        "client_id",
        "client_secret_ref",
        "scopes",
        "refresh_threshold",
        "client_authentication",
        "passport_base_url",
        "request_timeout",
    ];
    assert_eq!(keys, expected, "{told:#?}");
}

#[test]
fn of_several_identities_it_is_told_which_one_is_wrong() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP", "scope": "openid" },
        "payroll": { "client_secret_ref": "env:PAYROLL" },
    } }))
    .unwrap();
    let error = config.build().unwrap_err();
    let keys: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(keys, ["identities.erp.scope", "identities.payroll.client_id"], "{error}");
}

#[test]
fn danger_plain_http_covers_every_url() {
    let urls = json!({
        "passport_base_url": "http://passport:8090", "token_url": "http://passport:8090/token",
        "base_url": "http://erp:8080", "also_allow": ["http://payroll:8080", "https://api.bizfirst.ai"],
    });
    let keys = |mut values: Value, plain_http: Value| {
        values["danger_plain_http"] = plain_http;
        mistakes_with(&values)
            .iter()
            .map(|told| told.split(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = ["also_allow", "base_url", "passport_base_url", "token_url"];
    for allowed in [json!(true), json!("true")] {
        assert_eq!(keys(urls.clone(), allowed), [""; 0]);
    }
    for refused in [json!(false), json!(null)] {
        assert_eq!(keys(urls.clone(), refused), all);
    }
    let internal = json!({ "token_url": "http://passport:8090/token" });
    assert_eq!(keys(internal, json!(true)), [""; 0], "the issuer may be public");
}

#[test]
fn transport_contradicts_ca_file_of_the_configuration() {
    let folder = ca_file();
    let mut config = json!({ "client_id": "mi-1", "client_secret_ref": "env:SECRET" });
    config["ca_file"] = folder.path().join("ca.pem").to_str().unwrap().into();
    let config: ManagedIdentityConfig = serde_json::from_value(config).unwrap();
    let builder = config.builder(Providers::default()).unwrap();
    let error = builder.transport(passport_core::Transport::default()).build().unwrap_err();
    assert_eq!(error.problems()[0].option, "ca_file", "{error}");
}

#[cfg(feature = "reqwest")]
#[test]
fn client_contradicts_ca_file_and_user_agent() {
    let folder = ca_file();
    let mut config = json!({ "client_id": "mi-1", "client_secret_ref": "env:SECRET" });
    config["base_url"] = "https://erp".into();
    config["user_agent"] = "erp-sync/1.4".into();
    config["ca_file"] = folder.path().join("ca.pem").to_str().unwrap().into();
    let config: ManagedIdentityConfig = serde_json::from_value(config).unwrap();
    let identity = config.build().unwrap();
    let builder = config.http_client_builder(identity).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let error = builder.client(client).build().unwrap_err();
    let options: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(options, ["ca_file", "user_agent"]);
}

fn ca_file() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate.cert.pem()).unwrap();
    folder
}

#[test]
fn an_identity_belongs_to_one_service() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" },
        "payroll": { "client_id": "mi-1", "client_secret_ref": "env:PAYROLL" },
    } }))
    .unwrap();
    let told = config.build().unwrap_err().to_string();
    assert!(
        told.contains("identities.payroll.client_id: `erp` has the same one; make an identity for each"),
        "{told}"
    );
}

#[test]
fn one_name_at_two_passports_is_two_identities() {
    let one = |passport: &str| json!({ "client_id": "mi-1", "client_secret_ref": "env:S", "passport_base_url": passport });
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "production": one("https://passport.bizfirst.ai"),
        "staging": one("https://passport.staging.bizfirst.ai"),
    } }))
    .unwrap();
    assert!(config.build().is_ok());
}

#[test]
fn what_is_no_table_is_told_and_not_shown() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": "mics_sk_hidden",
        "payroll": { "client_id": "mi-1" },
    } }))
    .unwrap();
    let told = config.build().unwrap_err().to_string();
    assert!(told.contains("identities.erp: it is not a table; write client_id"), "{told}");
    assert!(told.contains("identities.payroll.client_secret_ref: it is missing"), "{told}");
    let told = serde_json::from_value::<ManagedIdentitiesConfig>(json!({ "identities": "mics_sk_hidden" }));
    assert!(told.unwrap_err().to_string().contains("identities: it is not a table"));
    let config: ManagedIdentityConfig = serde_json::from_value(json!("mics_sk_hidden")).unwrap();
    let told = config.build().unwrap_err().to_string();
    assert!(told.contains("configuration: it is not a table") && !told.contains("hidden"), "{told}");
}

#[test]
fn no_identities_are_a_mistake() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({})).unwrap();
    assert!(
        config.build().unwrap_err().to_string().contains("identities: there are none; name at least one")
    );
}

#[test]
fn debug_shows_no_values() {
    let config: ManagedIdentityConfig = serde_json::from_value(json!({ "client_secret": "hidden" })).unwrap();
    let shown = format!("{config:?}");
    assert!(shown.contains("client_secret") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn a_name_that_nobody_has_is_told_with_those_there_are() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" },
        "payroll": { "client_id": "mi-2", "client_secret_ref": "env:PAYROLL" },
    } }))
    .unwrap();
    let told = config.build().unwrap().get("erb").unwrap_err().to_string();
    assert!(told.contains("identities.erb: there is none of that name; there are erp, payroll"), "{told}");
}

#[test]
fn an_editors_key_is_no_mistake() {
    assert_eq!(mistakes_with(&json!({ "$schema": "config.schema.json#/$defs/identity" })), [""; 0]);
}

#[cfg(feature = "reqwest")]
#[test]
fn a_client_needs_to_know_whom_it_calls() {
    let config: ManagedIdentityConfig =
        serde_json::from_value(json!({ "client_secret_ref": "env:SECRET", "also_allow": "http://a" }))
            .unwrap();
    let error = config.http_client().unwrap_err();
    let keys: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(keys, ["also_allow", "client_id", "base_url"], "{error}");
    assert!(
        error.to_string().contains("base_url: it is missing; name the service that is called"),
        "{error}"
    );
}

/// A store that takes a name, and does nothing.
#[derive(Debug)]
struct Named;

impl StoreKind for Named {
    fn keys(&self) -> &'static [ConfigKey] {
        static KEYS: &[ConfigKey] =
            &[ConfigKey::text("name", "Its name."), ConfigKey::secret_reference("key_ref", "Its key.")];
        KEYS
    }

    fn cache(&self, settings: &mut StoreSettings<'_>) -> Option<crate::TokenCache> {
        if settings.text("name").is_none() {
            settings.wrong("name", "it is missing");
        }
        settings.secret("key_ref");
        Some(crate::TokenCache::memory())
    }
}

fn of_a_store(settings: &Value) -> ManagedIdentityConfig {
    serde_json::from_value(json!({
        "client_id": "mi-1", "client_secret_ref": "env:SECRET", "cache": { "named": settings },
    }))
    .unwrap()
}

#[test]
fn a_store_that_nobody_has_registered_is_named_and_its_settings_are_not_shown() {
    let told = mistakes_with(&json!({ "cache": { "redis": { "url": "hidden" } } }));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("cache.redis: ") && told[0].contains("Providers::with_store"), "{told:?}");
    assert!(!told[0].contains("hidden"));
}

#[test]
fn what_a_store_finds_wrong_is_told_under_its_name() {
    let providers = Providers::default().with_store("named", Named);
    let built = of_a_store(&json!({ "nam": "x", "key_ref": "hidden" })).build_with(&providers);
    let told: Vec<_> =
        built.unwrap_err().problems().iter().map(|problem| problem.option.to_string()).collect();
    assert_eq!(told, ["cache.named.nam", "cache.named.name", "cache.named.key_ref"]);
    assert!(of_a_store(&json!("x")).build_with(&providers).is_err());
    assert!(of_a_store(&json!({ "name": "x" })).build_with(&providers).is_ok());
}

#[test]
fn identities_that_say_the_same_of_their_cache_share_it() {
    let providers = Providers::default().with_store("named", Named);
    let entry = |name: &str, providers: &Providers| {
        let identity = of_a_store(&json!({ "name": name })).build_with(providers).unwrap();
        std::sync::Arc::clone(&identity.manager.entry)
    };
    let shares = |one, other| std::sync::Arc::ptr_eq(&one, &other);
    assert!(shares(entry("x", &providers), entry("x", &providers.clone())));
    assert!(!shares(entry("x", &providers), entry("y", &providers)));
    for others in [
        Providers::default().with_store("named", Named),
        providers.clone().with_secrets(passport_core::SecretProviders::default()),
        providers.clone().with_store("named", Named),
    ] {
        assert!(!shares(entry("x", &providers), entry("x", &others)), "other keys, other passwords");
    }
}

#[test]
fn a_cache_and_none_contradict_each_other() {
    let mut config = of_a_store(&json!({ "name": "x" }));
    config.values.as_mut().unwrap().insert("cache_tokens".to_owned(), json!(false));
    let built = config.build_with(Providers::default().with_store("named", Named));
    assert_eq!(built.unwrap_err().problems()[0].option, "cache_tokens");
}

#[test]
fn misspelled_table_of_identities_is_named() {
    let one = json!({ "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" } });
    for key in ["Identities", "IDENTITIES", "identity", "Identity", "identitys"] {
        let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ key: one })).unwrap();
        let told = config.build().unwrap_err().to_string();
        let expected = format!("{key}: there is no such key; did you mean `identities`?");
        assert!(told.contains(&expected) && !told.contains("there are none"), "{told}");
    }
    let both: ManagedIdentitiesConfig =
        serde_json::from_value(json!({ "identities": one, "Identities": one })).unwrap();
    assert!(both.build().unwrap_err().to_string().contains("did you mean `identities`?"));
}

#[test]
fn keys_of_the_application_beside_identities_are_ignored() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({
        "identities": { "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" } },
        "identity": "the application's own", "logging": { "level": "info" },
    }))
    .unwrap();
    assert!(config.build().is_ok());
    let only_others: ManagedIdentitiesConfig = serde_json::from_value(json!({ "logging": {} })).unwrap();
    assert!(only_others.build().unwrap_err().to_string().contains("identities: there are none"));
}

#[test]
fn variable_of_a_service_does_not_hide_a_misspelled_key() {
    let told = mistakes_with(&json!({
        "service_host": "10.0.0.1", "port": "tcp://10.0.0.1:80", "clientid": "mi-1", "service_hosts": "10.0.0.1",
    }));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|problem| problem.starts_with("clientid: ")), "{told:?}");
    assert!(told.iter().any(|problem| problem.starts_with("service_hosts: ")), "{told:?}");
}

#[test]
fn secrets_of_a_configuration_are_listed_with_their_keys() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": ["env:ERP", "file:/erp"] },
        "local": { "cache": { "sidecar": { "endpoint": "http://127.0.0.1:7", "caller_token_ref": "file:/token" } } },
        "wrong": { "client_secret_ref": "mics_sk_hidden" },
    } }))
    .unwrap();
    let sources = config.secret_sources(Providers::default());
    let told: Vec<_> = sources.iter().map(|(key, source)| format!("{key}: {}", source.reference())).collect();
    assert_eq!(
        told,
        [
            "identities.erp.client_secret_ref: env:ERP",
            "identities.erp.client_secret_ref: file:/erp",
            "identities.local.cache.sidecar.caller_token_ref: file:/token",
        ]
    );
}
