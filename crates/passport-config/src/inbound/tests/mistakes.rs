//! The message of each mistake.

use super::*;

/// A wrong configuration, and the complete message of each of its mistakes.
pub(super) struct Mistaken {
    /// The table to which the keys are added.
    table: &'static str,
    pub(super) keys: Value,
    pub(super) messages: Vec<&'static str>,
}

impl Mistaken {
    /// Returns the whole configuration.
    pub(super) fn config(&self) -> Value {
        match self.table {
            "verifier" => with(&self.keys),
            "issuer" => with_issuer(&self.keys),
            "provider" => with_provider(&self.keys),
            table => panic!("[{table}]"),
        }
    }
}

/// Returns the configurations in `mistakes.txt`.
pub(super) fn mistaken() -> Vec<Mistaken> {
    let (mut table, mut all) = ("", Vec::<Mistaken>::new());
    let lines =
        include_str!("mistakes.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        match line.strip_prefix("    ") {
            Some(message) => all.last_mut().unwrap().messages.push(message),
            None if line.starts_with('[') => table = line.trim_matches(['[', ']']),
            None => {
                let keys = serde_json::from_str(line).unwrap();
                all.push(Mistaken { table, keys, messages: Vec::new() });
            }
        }
    }
    all
}

#[test]
fn message_has_the_key_the_value_and_a_remedy() {
    let all = mistaken();
    assert!(all.len() >= 100, "{}", all.len());
    for mistaken in all {
        assert!(!mistaken.messages.is_empty(), "{}", mistaken.keys);
        assert_eq!(mistakes(&mistaken.config()), mistaken.messages, "[{}] {}", mistaken.table, mistaken.keys);
    }
}

#[test]
fn unchanged_tables_have_no_mistake() {
    let unchanged = json!({});
    for config in [with(&unchanged), with_issuer(&unchanged), with_provider(&unchanged)] {
        assert_eq!(mistakes(&config), [""; 0]);
    }
}

#[test]
fn every_mistake_is_reported_at_once() {
    let messages = mistakes(&json!({
        "audence": "bizfirstgo-api",
        "clock_skew": "1h",
        "issuers": [
            { "issuer": "login.example", "claims": { "subject": "a..b", "service_account": {} } },
            { "preset": "entra", "audience": "api" },
        ],
        "external_providers": [{ "provider_id": "okta" }],
        "tenants": { "contoso": { "allowed_issuer": "https://login.example" } },
        "policies": { "clerks": { "role": [] } },
        "public_paths": "health",
    }));
    let keys: Vec<_> = messages.iter().map(|message| message.split(": ").next().unwrap()).collect();
    let expected = [
        "audence",
        "audience",
        "issuers[0].claims.service_account.claim",
        "issuers[0].claims.service_account.claim",
        "issuers[0].tenant",
        "issuers[0].issuer",
        "issuers[0].audience",
        "issuers[0].claims.subject",
        "issuers[1].directory",
        "issuers[1].tenant",
        "external_providers[0].issuer",
        "external_providers[0].tenant_id_claim",
        "external_providers[0].audience",
        "tenants.contoso.allowed_issuer",
        "tenants.contoso.allowed_issuers",
        "policies.clerks.role",
        "public_paths",
        "clock_skew",
    ];
    assert_eq!(keys, expected, "{messages:#?}");
}

#[test]
fn mistake_of_several_issuers_names_the_later_one() {
    let issuer = |name: &str, issuer: &str| {
        json!({
            "name": name, "issuer": issuer, "audience": "api", "tenant": { "fixed": "t" },
            "jwks_cache_file": "/var/lib/keys.json",
        })
    };
    let config = json!({
        "passport": false,
        "issuers": [issuer("a", "https://a.example"), issuer("a", "https://b.example")],
        "ExternalProviders": {
            "again": { "Issuer": "https://a.example/", "Audience": "api", "TenantIdClaim": "t" },
            "b": { "ProviderId": "a", "Issuer": "https://c.example", "Audience": "api", "TenantIdClaim": "t" },
        },
    });
    assert_eq!(
        mistakes(&config),
        [
            "issuers[1].jwks_cache_file: \"/var/lib/keys.json\": is the file of another trusted issuer; use a file for \
             each issuer",
            "ExternalProviders.again.Issuer: \"https://a.example/\": differs from another trusted issuer only by a \
             trailing slash; keep the one that is the `iss` of the tokens",
            "issuers[1].name: \"a\": is the name of another trusted issuer; choose different names",
            "ExternalProviders.b.ProviderId: \"a\": is the name of another trusted issuer; choose different names",
        ]
    );
}

#[test]
fn secrets_are_in_no_message() {
    let (secret, url) = ("mics_sk_hidden1234567890", "https://user:hidden@login.example");
    for value in
        [json!(secret), json!([secret]), json!({ "fixed": 1, "table": secret }), json!(url), json!([url])]
    {
        for key in ["audience", "issuer", "jwks_url", "algorithms", "clock_skew", "max_token_size", "ca_file"]
        {
            let messages = mistakes(&with(&json!({ key: value }))).join("\n");
            assert!(!messages.contains("hidden") || key == "ca_file", "{messages}");
        }
        for key in ["issuer", "preset", "kind", "tenant", "claims", "require_claims", "allowed_directories"] {
            let messages = mistakes(&with_issuer(&json!({ key: value }))).join("\n");
            assert!(!messages.is_empty() && !messages.contains("hidden"), "{key} {value}: {messages}");
        }
        for key in ["Issuer", "JwksUri", "TenantIdConfig", "GroupMapping", "JwksRefreshIntervalMinutes"] {
            let messages = mistakes(&with_provider(&json!({ key: value }))).join("\n");
            assert!(!messages.contains("hidden"), "{key} {value}: {messages}");
        }
    }
    let messages = mistakes(&with_issuer(&json!({ "claims": { "subject": format!("a..{secret}") } })));
    assert_eq!(
        messages,
        ["issuers[0].claims.subject: `...` has an empty part; write a claim, such as realm_access.roles"]
    );
    assert_eq!(
        mistakes(&json!(secret)),
        ["configuration: expected a table with audience, issuer, issuers, ..."]
    );
    assert!(!format!("{:?}", config(&json!({ "client_secret": "hidden" }))).contains("hidden"));
}
