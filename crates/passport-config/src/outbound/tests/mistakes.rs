//! The message of each mistake.

use passport_core::SecretProviders;
use passport_outbound::{ManagedIdentity, SidecarEndpoint, TokenCache};

use super::*;
use crate::{
    reader::Reader,
    table::{self, Values},
};

/// A key, its value, whether the message contains the value, and the remedy in the message.
type Mistake = (&'static str, Value, Shown, &'static str);

#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Value,
    Nothing,
}

use Shown::{Nothing, Value as Shows};

fn wrong_identities() -> Vec<Mistake> {
    vec![
        ("client_id", json!(null), Nothing, "set the client id of this service's managed identity"),
        ("client_id", json!(""), Shows, "set a value"),
        ("client_id", json!("  "), Shows, "set a value"),
        ("client_id", json!("mi\u{e9}"), Shows, "only printable ASCII is allowed"),
        ("client_id", json!(["mi-1"]), Shows, "write it in quotes"),
        ("client_id", json!("mics_sk_hidden\u{e9}"), Nothing, "only printable ASCII is allowed"),
        (
            "client_secret_ref",
            json!(null),
            Nothing,
            "set the reference of the secret: env:NAME or file:/path",
        ),
        ("client_secret_ref", json!("mics_sk_hidden"), Nothing, "expected env:NAME or file:/path"),
        ("client_secret_ref", json!("vault:hidden"), Nothing, "known providers are env, file"),
        ("client_secret_ref", json!("env:"), Nothing, "expected env:NAME or file:/path"),
        ("client_secret_ref", json!({ "hidden": 1 }), Nothing, "write it in quotes"),
        ("client_secret", json!("mics_sk_hidden"), Nothing, "set a reference to it"),
        (
            "secret",
            json!("mics_sk_hidden"),
            Nothing,
            "rename the environment variable if it only shares the prefix",
        ),
        ("secret_provider", json!("4hidden8Q~Zx9f7Gh2"), Nothing, "known providers are env, file"),
        ("client_authentication", json!("MIGHAgEAhiddenBgkqhkjOPQ"), Nothing, "one of client_secret_basic"),
        ("scopes", json!("\"4hidden8QxZx9f7Gh2"), Nothing, "separate scopes by spaces"),
        ("ClientSecret", json!("mics_sk_hidden"), Nothing, "set a reference to it"),
        ("private_key", json!("hidden"), Nothing, "set a reference to it"),
        ("secret_provider", json!("AzureKeyVault"), Shows, "pass them to build_with"),
        ("secret_provider", json!(""), Shows, "remove the key"),
        ("secret_provider", json!(true), Shows, "write it in quotes"),
        ("secret_provider", json!("mics_sk_hidden"), Nothing, "known providers are env, file"),
        ("scopes", json!(""), Shows, "list at least one"),
        ("scopes", json!([]), Shows, "list at least one"),
        (
            "scopes",
            json!(["openid", 7]),
            Shows,
            "a list of strings, or one string that is separated by spaces",
        ),
        ("scopes", json!("open\"id"), Shows, "separate scopes by spaces"),
        ("cache", json!("redis"), Nothing, "expected a table with a store"),
        ("cache", json!({}), Nothing, "expected exactly one store"),
        ("cache", json!({ "a": {}, "b": {} }), Nothing, "expected exactly one store"),
        ("cache_tokens", json!("yes"), Shows, "expected true or false"),
        ("cache_tokens", json!(1), Shows, "expected true or false"),
        ("refresh_threshold", json!("soon"), Shows, "write seconds (60)"),
        ("refresh_threshold", json!(-60), Shows, "write seconds (60)"),
        ("refresh_threshold", json!("00:99:00"), Shows, "\"00:01:00\""),
        ("refresh_threshold", json!(true), Shows, "write seconds (60)"),
        ("request_timeout", json!(0), Shows, "every token fetch fails"),
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
        ("base_url", json!("https://api.bizfirst.ai/?key=hidden"), Nothing, "add them to the requests"),
        ("also_allow", json!(["https://a.example/path"]), Shows, "expected https://host[:port]"),
        ("also_allow", json!("http://a.example"), Shows, "only over https"),
        ("passport_base_url", json!("http://passport"), Shows, "danger_plain_http"),
        ("token_url", json!("http://passport/token"), Shows, "danger_plain_http"),
        ("base_url", json!("http://api"), Shows, "danger_plain_http"),
        ("also_allow", json!("http://api"), Shows, "danger_plain_http"),
        ("ca_file", json!("/no/such/ca.pem"), Shows, "No such file"),
        ("danger_plain_http", json!("yes"), Shows, "expected true or false"),
        ("user_agent", json!("a\nb"), Shows, "write product/version"),
        ("also_allow", json!([]), Shows, "list at least one"),
        ("also_allow", json!(["https://user:hidden@a.example"]), Nothing, "expected https://host[:port]"),
    ]
}

fn wrong_authentication_and_unknown_keys() -> Vec<Mistake> {
    let only_signed = "only for client_authentication = \"private_key_jwt\"";
    vec![
        (
            "client_authentication",
            json!("basic"),
            Shows,
            "expected one of client_secret_basic, client_secret_basic_raw",
        ),
        (
            "client_authentication",
            json!(7),
            Shows,
            "expected one of client_secret_basic, client_secret_basic_raw",
        ),
        ("signing_algorithm", json!("RS256"), Shows, only_signed),
        ("key_id", json!("key-7"), Shows, only_signed),
        ("assertion_audience", json!("https://passport.bizfirst.ai"), Shows, only_signed),
        ("refreshThreshold", json!("60s"), Nothing, "did you mean `refresh_threshold`?"),
        ("ClientId", json!("mi-1"), Nothing, "did you mean `client_id`?"),
        ("scope", json!("openid"), Nothing, "did you mean `scopes`?"),
        ("cache-tokens", json!(true), Nothing, "did you mean `cache_tokens`?"),
        ("passport_url", json!("https://hidden"), Nothing, "did you mean `passport_base_url`?"),
        ("colour", json!("hidden"), Nothing, "known keys are client_id, client_secret_ref,"),
    ]
}

#[test]
fn message_has_the_key_the_value_and_a_remedy() {
    let all = [wrong_identities(), wrong_addresses(), wrong_authentication_and_unknown_keys()].concat();
    assert!(all.len() >= 40, "{}", all.len());
    for (key, value, shown, remedy) in all {
        let messages = mistakes_with(&json!({ key: value }));
        let [message] = &messages[..] else { panic!("{key} = {value} is one mistake: {messages:?}") };
        assert!(message.starts_with(&format!("{key}: ")), "{message}");
        assert_eq!(message.contains(&value.to_string()), shown == Shows, "{message}");
        assert!(message.contains(remedy), "{message}");
        assert!(!message.contains("hidden"), "{message}");
    }
}

#[test]
fn conflicts_are_reported() {
    for (changes, message) in [
        (
            json!({ "client_authentication": "client_secret_basic_raw", "client_id": "mi:1" }),
            "client_authentication: \"client_secret_basic_raw\": a client id with a colon cannot be separated from \
             its secret without encoding; use client_secret_basic",
        ),
        (
            json!({ "client_authentication": "private_key_jwt", "signing_algorithm": "HS256" }),
            "signing_algorithm: \"HS256\": expected one of RS256, PS256, ES256",
        ),
        (
            json!({ "secret_provider": "env", "client_secret_ref": ["env:A", "env:B"] }),
            "secret_provider: \"env\": not allowed with several references, which name their providers (env:NAME); remove \
             the key",
        ),
        (
            json!({ "client_secret_ref": ["env:A", "hidden"] }),
            "client_secret_ref: not a secret reference: expected env:NAME or file:/path (the text is not shown, in case \
             it is the secret itself)",
        ),
        (json!({ "client_secret_ref": [] }), "client_secret_ref: empty; list at least one reference"),
        (
            json!({ "cache": { "sidecar": { "endpoint": "unix:///run/s.sock" } } }),
            "client_secret_ref: not allowed with a sidecar, which holds the secret; remove the key",
        ),
        (
            json!({ "secret_provider": "env", "client_secret_ref": "" }),
            "client_secret_ref: empty; set a value or remove the key",
        ),
    ] {
        assert_eq!(mistakes_with(&changes), [message]);
    }
}

#[test]
fn sidecar_cache_needs_no_secret_and_a_local_address() {
    let at = |endpoint: &str| json!({ "client_id": "mi-1", "cache": { "sidecar": { "endpoint": endpoint, "auth_token_ref": "env:TOKEN" } } });
    assert_eq!(mistakes(at("unix:///run/passport/sidecar.sock")), [""; 0]);
    assert_eq!(
        mistakes(at("http://sidecar:7070")),
        [
            "cache.sidecar.endpoint: \"http://sidecar:7070\": invalid sidecar endpoint: expected unix:///path or http://127.0.0.1:port, on this machine"
        ]
    );
}

#[test]
fn unknown_problem_of_the_builder_is_reported() {
    let sidecar = SidecarEndpoint::new("unix:///run/passport/sidecar.sock").unwrap();
    let builder = ManagedIdentity::via_sidecar("mi-1", sidecar).token_cache(TokenCache::memory());
    let (secrets, table) = (SecretProviders::default(), table::read(&Values::new()).unwrap());
    let mut reader = Reader::new(&secrets);
    options::report_builder_problems(&table.settings, &mut reader, &builder);
    let error = reader.finish(Some(())).unwrap_err();
    assert_eq!(error.problems(), builder.problems());
    assert_eq!(error.problems()[0].option, "token_cache");
}

#[test]
fn every_mistake_is_reported_at_once() {
    let messages = mistakes(json!({
        "clientid": "mi-1",
        "passport_base_url": "passport",
        "scopes": [],
        "refresh_threshold": "soon",
        "request_timeout": 0,
        "client_authentication": "mtls",
        "base_url": "api",
        "also_allow": ["http://a", "b"],
    }));
    let keys: Vec<_> = messages.iter().map(|message| message.split(':').next().unwrap()).collect();
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
    assert_eq!(keys, expected, "{messages:#?}");
}

#[cfg(feature = "reqwest")]
#[test]
fn client_without_a_base_url_is_a_mistake() {
    let config: ManagedIdentityConfig =
        serde_json::from_value(json!({ "client_secret_ref": "env:SECRET", "also_allow": "http://a" }))
            .unwrap();
    let error = config.http_client().unwrap_err();
    let keys: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(keys, ["also_allow", "client_id", "base_url"], "{error}");
    assert!(error.to_string().contains("base_url: missing; set the URL of the called service"), "{error}");
}
