use passport_core::{ConfigError, SecretProviders};
use passport_outbound::Providers;

/// What a sidecar's configuration may name, by the features it was built with: secret providers and stores.
///
/// Vaults are read as the environment says ([`AzureKeyVault`](passport_secrets) and Amazon's client find there who asks). For a
/// HashiCorp Vault the environment has `VAULT_ADDR`, and `VAULT_TOKEN_FILE`, or `VAULT_ROLE_ID` with `VAULT_SECRET_ID_FILE`, or
/// `VAULT_KUBERNETES_ROLE`, or `VAULT_TOKEN`. A reference to a vault that is not set up there is a
/// mistake that names what is missing; a vault without a reference is not looked at.
///
/// # Errors
/// When what is in the environment does not describe a vault.
pub fn providers() -> Result<Providers, ConfigError> {
    let secrets = hashicorp(aws(azure(SecretProviders::default())?));
    let providers = Providers::default().with_secrets(secrets);
    #[cfg(feature = "redis")]
    let providers = providers.with_store("redis", passport_redis::RedisStores);
    Ok(providers)
}

const AZURE: &str = "azure_key_vault";
const AWS: &str = "aws_secrets_manager";
const HASHICORP: &str = "hashicorp_vault";

#[cfg(feature = "azure-key-vault")]
fn azure(secrets: SecretProviders) -> Result<SecretProviders, ConfigError> {
    let vault = passport_secrets::AzureKeyVault::builder().build()?;
    Ok(secrets.with(AZURE, passport_secrets::CachedSecrets::new(vault)))
}

#[cfg(not(feature = "azure-key-vault"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it may fail")]
fn azure(secrets: SecretProviders) -> Result<SecretProviders, ConfigError> {
    Ok(secrets.without(AZURE, "build the sidecar with its feature `azure-key-vault`"))
}

#[cfg(feature = "aws-secrets-manager")]
fn aws(secrets: SecretProviders) -> SecretProviders {
    let vault = passport_secrets::AwsSecretsManager::builder().build();
    secrets.with(AWS, passport_secrets::CachedSecrets::new(vault))
}

#[cfg(not(feature = "aws-secrets-manager"))]
fn aws(secrets: SecretProviders) -> SecretProviders {
    secrets.without(AWS, "build the sidecar with its feature `aws-secrets-manager`")
}

#[cfg(feature = "hashicorp-vault")]
fn hashicorp(secrets: SecretProviders) -> SecretProviders {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match vault(&set) {
        Ok(vault) => secrets.with(HASHICORP, passport_secrets::CachedSecrets::new(vault)),
        Err(reason) => secrets.without(HASHICORP, reason),
    }
}

#[cfg(not(feature = "hashicorp-vault"))]
fn hashicorp(secrets: SecretProviders) -> SecretProviders {
    secrets.without(HASHICORP, "build the sidecar with its feature `hashicorp-vault`")
}

/// The Vault of the environment, or what to set there.
#[cfg(feature = "hashicorp-vault")]
fn vault(set: &impl Fn(&str) -> Option<String>) -> Result<passport_secrets::HashiCorpVault, String> {
    use passport_core::SecretSource;
    use passport_secrets::{HashiCorpVault, HashiCorpVaultBuilder, VaultAuth};

    let address = set("VAULT_ADDR").ok_or("set VAULT_ADDR to its address: https://vault.example.com:8200")?;
    let auth = match (set("VAULT_TOKEN_FILE"), set("VAULT_ROLE_ID"), set("VAULT_KUBERNETES_ROLE")) {
        (Some(token), ..) => VaultAuth::token(SecretSource::file(token)),
        (None, Some(role), _) => {
            let file = set("VAULT_SECRET_ID_FILE");
            let file =
                file.ok_or("set VAULT_SECRET_ID_FILE, as VAULT_ROLE_ID is set: an AppRole has both")?;
            VaultAuth::app_role(role, SecretSource::file(file))
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
    builder.build().map_err(|error| {
        // The builder's options are variables here.
        let told = error.problems().iter().map(|problem| {
            let variable = match &*problem.option {
                "address" => "VAULT_ADDR",
                "namespace" => "VAULT_NAMESPACE",
                "mount" => "VAULT_MOUNT",
                other => other,
            };
            format!("{variable}: {}", problem.problem)
        });
        told.collect::<Vec<_>>().join("; ")
    })
}

#[cfg(all(test, feature = "hashicorp-vault"))]
mod tests {
    use super::*;

    fn problem(variables: &[(&str, &str)]) -> String {
        let set = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        vault(&set).err().unwrap_or_default()
    }

    #[test]
    fn variable_that_vault_lacks_is_named() {
        let address = ("VAULT_ADDR", "https://vault.example.com:8200");
        for (variables, expected) in [
            (&[][..], "set VAULT_ADDR"),
            (&[("VAULT_TOKEN", "t")], "set VAULT_ADDR"),
            (&[address, ("VAULT_ROLE_ID", "r")], "set VAULT_SECRET_ID_FILE"),
            (&[("VAULT_ADDR", "vault.example.com:8200")], "VAULT_ADDR: it is not the address"),
            (&[address, ("VAULT_MOUNT", "/kv/")], "VAULT_MOUNT: it is not a path"),
        ] {
            assert!(problem(variables).starts_with(expected), "{}", problem(variables));
        }
        assert_eq!(problem(&[address]), "");
        assert_eq!(problem(&[address, ("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID_FILE", "/s")]), "");
    }
}
