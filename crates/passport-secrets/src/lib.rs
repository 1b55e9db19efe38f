//! Vaults, and what stands between a vault and whoever needs its secrets.
//!
//! | feature | |
//! |---|---|
//! | `azure-key-vault` | `AzureKeyVault`, by Microsoft's own client |
//! | `aws-secrets-manager` | `AwsSecretsManager`, by Amazon's own client |
//! | `hashicorp-vault` | `HashiCorpVault`, for OpenBao, too |
//!
//! None is on by default. `docs/secrets.md` in the repository has a configuration to copy for each.
//!
//! A secret is read for each token request, which is once an hour for each identity, and at that moment the vault has to be there.
//! [`CachedSecrets`] is put around any [`SecretProvider`](passport_core::SecretProvider): a vault may be down for a while
//! then, many identities ask it once, and a secret that was rotated is seen within minutes, or at once when Passport refuses
//! the one before.
//!
//! ```
//! use passport_core::{EnvSecrets, SecretProviders};
//! use passport_secrets::CachedSecrets;
//!
//! // In the place of `EnvSecrets`, which needs none of it: a vault.
//! let providers = SecretProviders::default().with("azure_key_vault", CachedSecrets::new(EnvSecrets));
//! ```

#[cfg(feature = "aws-secrets-manager")]
mod aws;
#[cfg(feature = "azure-key-vault")]
mod azure;
mod cache;
#[cfg(any(feature = "aws-secrets-manager", feature = "azure-key-vault", feature = "hashicorp-vault"))]
mod deadline;
#[cfg(any(feature = "aws-secrets-manager", feature = "azure-key-vault", feature = "hashicorp-vault"))]
mod last_failure;
mod metrics;
#[cfg(any(feature = "aws-secrets-manager", feature = "azure-key-vault", feature = "hashicorp-vault"))]
mod sanitize;
mod state;
#[cfg(test)]
#[cfg(all(feature = "aws-secrets-manager", feature = "azure-key-vault", feature = "hashicorp-vault"))]
mod tests;
#[cfg(feature = "hashicorp-vault")]
mod vault;

#[cfg(feature = "aws-secrets-manager")]
pub use crate::aws::{AwsSecretsManager, AwsSecretsManagerBuilder};
#[cfg(feature = "azure-key-vault")]
pub use crate::azure::{AzureKeyVault, AzureKeyVaultBuilder};
pub use crate::cache::CachedSecrets;
#[cfg(feature = "hashicorp-vault")]
pub use crate::vault::{HashiCorpVault, HashiCorpVaultBuilder, KvVersion, VaultAuth};
