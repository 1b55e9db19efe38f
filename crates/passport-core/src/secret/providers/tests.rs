use super::*;

fn path_of(provider: Option<&str>, reference: &str) -> Result<String, InvalidSecretSource> {
    SecretProviders::default()
        .with("azure_key_vault", EnvSecrets)
        .source(provider, reference)
        .map(|source| source.reference().to_string())
}

#[test]
fn provider_is_found_by_name_or_scheme() {
    for (provider, reference, found) in [
        (None, "env:A", "env:A"),
        (Some("env"), "A", "env:A"),
        (Some("Environment"), "env:A", "env:A"),
        (Some("AzureKeyVault"), "https://v.example/secrets/a", "azurekeyvault:https://v.example/secrets/a"),
        (Some("azure-key-vault"), "a", "azurekeyvault:a"),
        (Some("file"), "/run/secrets/a", "file:/run/secrets/a"),
        (Some("file"), "file:///run/secrets/a", "file:///run/secrets/a"),
    ] {
        assert_eq!(path_of(provider, reference).as_deref(), Ok(found));
    }
}

#[test]
fn error_does_not_contain_the_reference() {
    for (provider, reference) in
        [(None, "mics_sk_hidden"), (None, "hidden:mics"), (Some("vault"), "hidden"), (Some("env"), "")]
    {
        assert!(!path_of(provider, reference).unwrap_err().to_string().contains("hidden"));
    }
}

#[test]
fn error_of_a_missing_provider_has_its_remedy() {
    let providers = SecretProviders::default().with_missing_hint("hashicorp_vault", "set VAULT_ADDR");
    for (provider, reference) in [(None, "hashicorp-vault:kv/hidden"), (Some("HashiCorpVault"), "hidden")] {
        let error = providers.source(provider, reference).unwrap_err();
        let expected = "the secret provider `hashicorpvault` is not set up: set VAULT_ADDR";
        assert_eq!((error.to_string().as_str(), format!("{error:?}").as_str()), (expected, expected));
    }
    let providers = providers.with("hashicorp_vault", EnvSecrets);
    assert!(providers.source(None, "hashicorp_vault:kv/payroll").is_ok());
}
