//! The vaults and token stores that a configuration is allowed to name.

use passport_config::ConfigRegistry;
use passport_core::SecretProviders;
#[cfg(any(feature = "aws-secrets-manager", feature = "azure-key-vault", feature = "hashicorp-vault"))]
use passport_core::{ConfigError, ConfigProblem};

/// Returns the vaults and token stores that a configuration is allowed to name. The enabled
/// Cargo features of this crate determine which vaults and stores these are.
///
/// Environment variables configure the vaults:
///
/// | Vault | Variables |
/// |---|---|
/// | HashiCorp Vault | `VAULT_ADDR`, a login, `VAULT_NAMESPACE`, `VAULT_MOUNT`, `VAULT_CACERT` |
/// | Azure Key Vault | credentials of the Azure SDK, `AZURE_CA_FILE` |
/// | AWS Secrets Manager | credentials of the AWS SDK, `AWS_CA_BUNDLE` |
///
/// The login at a HashiCorp Vault is the first of these that is set: `VAULT_TOKEN_FILE`,
/// `VAULT_ROLE_ID` with `VAULT_SECRET_ID_FILE`, `VAULT_KUBERNETES_ROLE`, `VAULT_TOKEN`. If none
/// of them is set, `VAULT_ADDR` must be the address of a Vault Agent, which adds a token to
/// requests.
///
/// `VAULT_CACERT`, `AZURE_CA_FILE` and `AWS_CA_BUNDLE` are PEM files of a private CA.
/// `VAULT_DANGER_PLAIN_HTTP=true` allows plain `http` to a HashiCorp Vault on another machine.
///
/// If a configuration refers to a vault that is not set up, [`SidecarServer::new`] returns an
/// error that names the missing variable or feature. A vault to which no configuration key
/// refers is not contacted.
///
/// [`SidecarServer::new`]: crate::SidecarServer::new
#[must_use]
pub fn registry() -> ConfigRegistry {
    let secrets = SecretProviders::default();
    #[cfg(feature = "azure-key-vault")]
    let secrets = with_vault(secrets, AZURE, azure_vault(set));
    #[cfg(not(feature = "azure-key-vault"))]
    let secrets = secrets.with_missing_hint(AZURE, "build the sidecar with the feature `azure-key-vault`");
    #[cfg(feature = "aws-secrets-manager")]
    let secrets = with_vault(secrets, AWS, aws_vault(set));
    #[cfg(not(feature = "aws-secrets-manager"))]
    let secrets = secrets.with_missing_hint(AWS, "build the sidecar with the feature `aws-secrets-manager`");
    #[cfg(feature = "hashicorp-vault")]
    let secrets = with_vault(secrets, HASHICORP, vault(set));
    #[cfg(not(feature = "hashicorp-vault"))]
    let secrets =
        secrets.with_missing_hint(HASHICORP, "build the sidecar with the feature `hashicorp-vault`");
    let registry = ConfigRegistry::default().with_secrets(secrets);
    #[cfg(feature = "redis")]
    let registry = registry.with_store("redis", passport_redis::RedisStoreFactory);
    registry
}

const AZURE: &str = "azure_key_vault";
const AWS: &str = "aws_secrets_manager";
const HASHICORP: &str = "hashicorp_vault";

/// Adds `vault` to `secrets`, with a cache for the secrets of the vault. If the vault could not
/// be built, adds the reason instead. The reason is reported if a configuration refers to the
/// vault.
#[cfg(any(feature = "aws-secrets-manager", feature = "azure-key-vault", feature = "hashicorp-vault"))]
fn with_vault(
    secrets: SecretProviders,
    name: &str,
    vault: Result<impl passport_core::SecretProvider, String>,
) -> SecretProviders {
    match vault {
        Ok(vault) => secrets.with(name, passport_secrets::CachedSecrets::new(vault)),
        Err(reason) => secrets.with_missing_hint(name, reason),
    }
}

#[cfg(feature = "azure-key-vault")]
fn azure_vault(set: impl Fn(&str) -> Option<String>) -> Result<passport_secrets::AzureKeyVault, String> {
    use passport_secrets::{AzureKeyVault, AzureKeyVaultBuilder};

    let ca_file = set("AZURE_CA_FILE").into_iter();
    let builder = ca_file.fold(AzureKeyVault::builder(), AzureKeyVaultBuilder::ca_file);
    builder.build().map_err(|error| in_variables(&error, &[("ca_file", "AZURE_CA_FILE")]))
}

#[cfg(feature = "aws-secrets-manager")]
fn aws_vault(set: impl Fn(&str) -> Option<String>) -> Result<passport_secrets::AwsSecretsManager, String> {
    use passport_secrets::{AwsSecretsManager, AwsSecretsManagerBuilder};

    let ca_file = set("AWS_CA_BUNDLE").into_iter();
    let builder = ca_file.fold(AwsSecretsManager::builder(), AwsSecretsManagerBuilder::ca_file);
    builder.build().map_err(|error| in_variables(&error, &[("ca_file", "AWS_CA_BUNDLE")]))
}

#[cfg(any(feature = "aws-secrets-manager", feature = "azure-key-vault", feature = "hashicorp-vault"))]
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the problems of `error` in one line. A problem names the environment variable of
/// `variables` instead of the option of the vault's builder that the variable sets.
#[cfg(any(feature = "aws-secrets-manager", feature = "azure-key-vault", feature = "hashicorp-vault"))]
fn in_variables(error: &ConfigError, variables: &[(&str, &str)]) -> String {
    let shown = error.problems().iter().map(|ConfigProblem { option, problem, .. }| {
        let variable = variables.iter().find(|(known, _)| *known == option.as_ref());
        let option = variable.map_or(option.as_ref(), |(_, variable)| *variable);
        format!("{option}: {problem}")
    });
    shown.collect::<Vec<_>>().join("; ")
}

/// Builds the provider of HashiCorp Vault from the environment variables, which `set` returns.
/// An error names the variable that is missing or has an invalid value.
#[cfg(feature = "hashicorp-vault")]
fn vault(set: impl Fn(&str) -> Option<String>) -> Result<passport_secrets::HashiCorpVault, String> {
    use passport_core::SecretSource;
    use passport_secrets::{HashiCorpVault, HashiCorpVaultBuilder, VaultAuth};

    let address = set("VAULT_ADDR").ok_or("set VAULT_ADDR to its address: https://vault.example.com:8200")?;
    let auth = match (set("VAULT_TOKEN_FILE"), set("VAULT_ROLE_ID"), set("VAULT_KUBERNETES_ROLE")) {
        (Some(token), ..) => VaultAuth::token(SecretSource::file(token)),
        (None, Some(role), _) => {
            let file = set("VAULT_SECRET_ID_FILE");
            let file =
                file.ok_or("set VAULT_SECRET_ID_FILE: AppRole needs it together with VAULT_ROLE_ID")?;
            VaultAuth::app_role(role, SecretSource::file(file))
        }
        (None, None, Some(role)) => VaultAuth::kubernetes(role),
        (None, None, None) if set("VAULT_TOKEN").is_some() => {
            VaultAuth::token(SecretSource::env("VAULT_TOKEN"))
        }
        (None, None, None) => VaultAuth::agent(),
    };
    let builder = HashiCorpVault::builder(address, auth).plain_http_option("VAULT_DANGER_PLAIN_HTTP=true");
    let builder = set("VAULT_NAMESPACE").into_iter().fold(builder, HashiCorpVaultBuilder::namespace);
    let builder = set("VAULT_MOUNT").into_iter().fold(builder, HashiCorpVaultBuilder::mount);
    let builder = set("VAULT_CACERT").into_iter().fold(builder, HashiCorpVaultBuilder::ca_file);
    let plain_http = set("VAULT_DANGER_PLAIN_HTTP").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let builder = if plain_http { builder.danger_plain_http() } else { builder };
    let variables = [
        ("address", "VAULT_ADDR"),
        ("namespace", "VAULT_NAMESPACE"),
        ("mount", "VAULT_MOUNT"),
        ("ca_file", "VAULT_CACERT"),
    ];
    builder.build().map_err(|error| in_variables(&error, &variables))
}

#[cfg(test)]
mod tests;
