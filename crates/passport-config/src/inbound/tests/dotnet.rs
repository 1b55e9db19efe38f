//! Configurations with the names of the .NET options.

use passport_inbound::{ClaimMap, TenantRule, TokenVerifier, TokenVerifierBuilder, TrustedIssuer};
use serde::Deserialize;

use super::*;

/// The settings of an application in `appsettings.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AppSettings {
    passport: VerifierConfig,
}

fn okta() -> TrustedIssuer {
    TrustedIssuer::external("https://company.okta.com/oauth2/default")
        .name("okta-production")
        .jwks_url("https://company.okta.com/oauth2/default/v1/keys")
        .audience("api://bizfirstgo")
        .jwks_refresh_interval(std::time::Duration::from_secs(600))
        .claims(ClaimMap::new().subject("sub").email(["email"]).roles_from(["groups"]))
        .tenant(TenantRule::claim("tenant_id"))
}

fn assert_same(config: &VerifierConfig, builder: TokenVerifierBuilder) {
    let changes = config.build().unwrap().replace(builder).unwrap();
    assert!(changes.is_empty(), "{changes}");
}

#[test]
fn appsettings_of_dotnet_load_unchanged() {
    let settings: AppSettings = serde_json::from_str(include_str!("appsettings.json")).unwrap();
    let expected = TokenVerifier::builder("bizfirstgo-api").audience("workflow-api-prod").trust(okta());
    assert_same(&settings.passport, expected);
}

#[test]
fn keys_in_other_spellings_are_the_same_keys() {
    let settings: Value = serde_json::from_str(include_str!("appsettings.json")).unwrap();
    let spellings: [fn(&str) -> String; 4] = [
        // camelCase
        |key| key[..1].to_ascii_lowercase() + &key[1..],
        // snake_case
        |key| {
            let letter = |(index, letter): (usize, char)| match letter {
                'A'..='Z' if index > 0 => format!("_{}", letter.to_ascii_lowercase()),
                _ => letter.to_ascii_lowercase().to_string(),
            };
            key.char_indices().map(letter).collect()
        },
        // Variables of .NET such as `Passport__ExternalProviders__0__ProviderId`, as `config` reads
        // them.
        str::to_ascii_lowercase,
        str::to_ascii_uppercase,
    ];
    for spelled in spellings {
        let config = config(&respelled(&settings["Passport"], spelled));
        let expected = TokenVerifier::builder("bizfirstgo-api").audience("workflow-api-prod").trust(okta());
        assert_same(&config, expected);
    }
}

fn respelled(value: &Value, spelled: fn(&str) -> String) -> Value {
    match value {
        Value::Object(table) => {
            table.iter().map(|(key, value)| (spelled(key), respelled(value, spelled))).collect()
        }
        Value::Array(list) => list.iter().map(|value| respelled(value, spelled)).collect(),
        other => other.clone(),
    }
}

#[test]
fn federation_settings_are_read() {
    let provider = |tenant: Value| {
        let mut provider = json!({
            "providerId": "azure-ad", "displayName": "Contoso", "issuer": "https://login.example/v2.0",
            "audience": ["api://bizfirstgo"], "userIdClaim": "oid", "emailClaim": "upn", "groupsClaim": "groups",
            "groupMapping": { "g-1": "manager" }, "rolesClaim": "roles", "roleMapping": { "Admin": "admin" },
        });
        provider.as_object_mut().unwrap().extend(tenant.as_object().unwrap().clone());
        config(&json!({ "audience": "api", "externalProviders": [provider] }))
    };
    let claims = ClaimMap::new().subject("oid").email(["upn"]).roles_from(["groups", "roles"]);
    let claims = claims.role_from("groups", "g-1", "manager").role_from("roles", "Admin", "admin");
    let issuer = TrustedIssuer::external("https://login.example/v2.0").name("azure-ad");
    let issuer = issuer.audience("api://bizfirstgo").claims(claims);
    for (tenant, rule) in [
        (json!({ "tenantIdClaim": "tid" }), TenantRule::claim("tid")),
        (
            json!({ "tenantIdConfig": { "source": "static", "value": "contoso" } }),
            TenantRule::fixed("contoso"),
        ),
        (json!({ "tenantIdConfig": { "source": "claim", "claimName": "tid" } }), TenantRule::claim("tid")),
        (
            json!({ "tenantIdConfig": { "source": "mapping", "claimName": "tid", "tenantMapping": { "a": "b" } } }),
            TenantRule::table("tid", [("a", "b")]),
        ),
    ] {
        assert_same(&provider(tenant), TokenVerifier::builder("api").trust(issuer.clone().tenant(rule)));
    }
}
