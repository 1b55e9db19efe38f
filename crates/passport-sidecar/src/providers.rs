#[cfg(any(feature = "aws-secrets-manager", feature = "hashicorp-vault"))]
use passport_core::ConfigProblem;
use passport_core::{ConfigError, SecretProviders};
use passport_outbound::Providers;

/// What a sidecar's configuration may name, by the features it was built with: secret providers and stores.
///
/// Vaults are read as the environment says ([`AzureKeyVault`](passport_secrets) and Amazon's client find there who asks). For a
/// HashiCorp Vault the environment has `VAULT_ADDR`, and `VAULT_TOKEN_FILE`, or `VAULT_ROLE_ID` with `VAULT_SECRET_ID_FILE`, or
/// `VAULT_KUBERNETES_ROLE`, or `VAULT_TOKEN`. A private CA is in `VAULT_CACERT`;
/// `VAULT_DANGER_PLAIN_HTTP=true` lets the address be plain `http` off this machine. For Amazon's
/// endpoints a private CA is in `AWS_CA_BUNDLE`.
///
/// # Errors
/// When what is in the environment does not describe a vault.
pub fn providers() -> Result<Providers, ConfigError> {
    #[allow(unused_mut, reason = "without features there is nothing to add")]
    let mut secrets = SecretProviders::default();
    #[cfg(feature = "azure-key-vault")]
    {
        let vault = passport_secrets::AzureKeyVault::builder().build()?;
        secrets = secrets.with("azure_key_vault", passport_secrets::CachedSecrets::new(vault));
    }
    #[cfg(feature = "aws-secrets-manager")]
    {
        use passport_secrets::{AwsSecretsManager, AwsSecretsManagerBuilder};
        let ca_file = set("AWS_CA_BUNDLE").into_iter();
        let vault = ca_file.fold(AwsSecretsManager::builder(), AwsSecretsManagerBuilder::ca_file).build();
        let vault = vault.map_err(|error| named(&error, &[("ca_file", "AWS_CA_BUNDLE")]))?;
        secrets = secrets.with("aws_secrets_manager", passport_secrets::CachedSecrets::new(vault));
    }
    #[cfg(feature = "hashicorp-vault")]
    if let Some(vault) = hashicorp(set)? {
        secrets = secrets.with("hashicorp_vault", passport_secrets::CachedSecrets::new(vault));
    }
    let providers = Providers::default().with_secrets(secrets);
    #[cfg(feature = "redis")]
    let providers = providers.with_store("redis", passport_redis::RedisStores);
    Ok(providers)
}

#[cfg(any(feature = "aws-secrets-manager", feature = "hashicorp-vault"))]
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Names the variables of the environment in the place of a builder's options.
#[cfg(any(feature = "aws-secrets-manager", feature = "hashicorp-vault"))]
fn named(error: &ConfigError, variables: &[(&str, &'static str)]) -> ConfigError {
    let renamed = error.problems().iter().map(|problem| {
        let variable = variables.iter().find(|(option, _)| *option == problem.option);
        let option = variable.map_or_else(|| problem.option.clone(), |(_, variable)| (*variable).into());
        let text = problem.problem.replace("danger_plain_http", "VAULT_DANGER_PLAIN_HTTP=true");
        ConfigProblem::new(option, text)
    });
    ConfigError::new(renamed.collect())
}

#[cfg(feature = "hashicorp-vault")]
fn hashicorp(
    set: impl Fn(&str) -> Option<String>,
) -> Result<Option<passport_secrets::HashiCorpVault>, ConfigError> {
    use passport_core::SecretSource;
    use passport_secrets::{HashiCorpVault, HashiCorpVaultBuilder, VaultAuth};

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
    let builder = set("VAULT_CACERT").into_iter().fold(builder, HashiCorpVaultBuilder::ca_file);
    let plain_http = set("VAULT_DANGER_PLAIN_HTTP").is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let builder = if plain_http { builder.danger_plain_http() } else { builder };
    let variables = [
        ("address", "VAULT_ADDR"),
        ("namespace", "VAULT_NAMESPACE"),
        ("mount", "VAULT_MOUNT"),
        ("ca_file", "VAULT_CACERT"),
    ];
    builder.build().map(Some).map_err(|error| named(&error, &variables))
}

#[cfg(all(test, feature = "hashicorp-vault"))]
mod tests {
    use super::*;

    fn problems(variables: &[(&str, &str)]) -> String {
        let set = |name: &str| {
            let variable = variables.iter().find(|(known, _)| *known == name);
            variable.map(|(_, value)| (*value).to_owned())
        };
        hashicorp(set).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn mistakes_name_the_variables_of_vault() {
        let variables =
            [("VAULT_ADDR", "http://vault:8200"), ("VAULT_CACERT", "/no/such.pem"), ("VAULT_MOUNT", "/")];
        let told = problems(&variables);
        for part in ["VAULT_ADDR: ", "VAULT_DANGER_PLAIN_HTTP=true", "VAULT_CACERT: ", "VAULT_MOUNT: "] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn plain_http_vault_is_allowed_by_its_variable() {
        let plain = ("VAULT_DANGER_PLAIN_HTTP", "True");
        assert_eq!(problems(&[("VAULT_ADDR", "http://vault:8200"), plain]), "");
    }
}
