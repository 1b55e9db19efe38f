use super::*;

fn path_of(provider: Option<&str>, reference: &str) -> Result<String, InvalidSecretSource> {
    SecretProviders::default()
        .with("azure_key_vault", EnvSecrets)
        .source(provider, reference)
        .map(|source| source.reference().to_string())
}

#[test]
fn a_provider_is_found_by_its_name_or_by_the_scheme() {
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
fn what_is_not_found_is_not_quoted() {
    for (provider, reference) in
        [(None, "mics_sk_hidden"), (None, "hidden:mics"), (Some("vault"), "hidden"), (Some("env"), "")]
    {
        assert!(!path_of(provider, reference).unwrap_err().to_string().contains("hidden"));
    }
}

#[test]
fn provider_that_is_not_set_up_is_explained() {
    let providers = SecretProviders::default().without("hashicorp_vault", "set VAULT_ADDR");
    for (provider, reference) in [(None, "hashicorp-vault:kv/hidden"), (Some("HashiCorpVault"), "hidden")] {
        let told = providers.source(provider, reference).unwrap_err().to_string();
        assert_eq!(told, "the secret provider `hashicorpvault` is not set up: set VAULT_ADDR");
    }
    let providers = providers.with("hashicorp_vault", EnvSecrets);
    assert!(providers.source(None, "hashicorp_vault:kv/payroll").is_ok());
}
