use passport_core::SecretProviders;
use passport_outbound::Providers;

/// What a sidecar's configuration may name, by the features it was built with: secret providers and stores.
///
/// Vaults are read as the environment says ([`AzureKeyVault`](passport_secrets) and Amazon's client find there who asks). For a
/// HashiCorp Vault the environment has `VAULT_ADDR`, and `VAULT_TOKEN_FILE`, or `VAULT_ROLE_ID` with `VAULT_SECRET_ID_FILE`, or
/// `VAULT_KUBERNETES_ROLE`, or `VAULT_TOKEN`.
///
/// # Errors
/// When what is in the environment does not describe a vault.
pub fn providers() -> Result<Providers, passport_core::ConfigError> {
    #[allow(unused_mut, reason = "without features there is nothing to add")]
    let mut secrets = SecretProviders::default();
    #[cfg(feature = "azure-key-vault")]
    {
        let vault = passport_secrets::AzureKeyVault::builder().build()?;
        secrets = secrets.with("azure_key_vault", passport_secrets::CachedSecrets::new(vault));
    }
    #[cfg(feature = "aws-secrets-manager")]
    {
        let vault = passport_secrets::AwsSecretsManager::builder().build();
        secrets = secrets.with("aws_secrets_manager", passport_secrets::CachedSecrets::new(vault));
    }
    #[cfg(feature = "hashicorp-vault")]
    if let Some(vault) = hashicorp()? {
        secrets = secrets.with("hashicorp_vault", passport_secrets::CachedSecrets::new(vault));
    }
    let providers = Providers::default().with_secrets(secrets);
    #[cfg(feature = "redis")]
    let providers = providers.with_store("redis", passport_redis::RedisStores);
    Ok(providers)
}

#[cfg(feature = "hashicorp-vault")]
fn hashicorp() -> Result<Option<passport_secrets::HashiCorpVault>, passport_core::ConfigError> {
    use passport_core::SecretSource;
    use passport_secrets::{HashiCorpVault, HashiCorpVaultBuilder, VaultAuth};

    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(address) = set("VAULT_ADDR") else { return Ok(None) };
    let auth = match (set("VAULT_TOKEN_FILE"), set("VAULT_ROLE_ID"), set("VAULT_KUBERNETES_ROLE")) {
        (Some(token), ..) => VaultAuth::token(SecretSource::file(token)),
        (None, Some(role), _) => {
            VaultAuth::app_role(role, SecretSource::file(set("VAULT_SECRET_ID_FILE").unwrap_or_default()))
        }
        (None, None, Some(role)) => VaultAuth::kubernetes(role),
        (None, None, None) if set("VAULT_TOKEN").is_some() => {
            VaultAuth::token(SecretSource::env("VAULT_TOKEN"))
        }
        (None, None, None) => VaultAuth::agent(),
    };
    let builder = HashiCorpVault::builder(address, auth);
    let builder = set("VAULT_NAMESPACE").into_iter().fold(builder, HashiCorpVaultBuilder::namespace);
    let builder = set("VAULT_MOUNT").into_iter().fold(builder, HashiCorpVaultBuilder::mount);
    builder.build().map(Some)
}
