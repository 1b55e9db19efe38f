//! Providers for vaults, and a cache that bridges their outages.
//!
//! | feature | |
//! |---|---|
//! | `azure-key-vault` | `AzureKeyVault`, by Microsoft's own client |
//! | `aws-secrets-manager` | `AwsSecretsManager`, by Amazon's own client |
//! | `hashicorp-vault` | `HashiCorpVault`, also for OpenBao |
//!
//! None is on by default. `docs/secrets.md` in the repository has a configuration to copy for each.
//!
//! A secret is read for each token request, once an hour for each identity, and the vault has to be
//! up at that moment. [`CachedSecrets`] wraps any
//! [`SecretProvider`](passport_core::SecretProvider): it bridges an outage of the vault, identities
//! share one read, and a rotated secret is seen within minutes, or immediately when Passport rejects
//! the previous one.
//!
//! ```
//! use passport_core::{EnvSecrets, SecretProviders};
//! use passport_secrets::CachedSecrets;
//!
//! // With a vault instead of `EnvSecrets`, which needs no cache.
//! let providers = SecretProviders::default().with("azure_key_vault", CachedSecrets::new(EnvSecrets));
//! ```

#[cfg(feature = "aws-secrets-manager")]
mod aws;
#[cfg(feature = "azure-key-vault")]
mod azure;
mod cache;
#[cfg(feature = "_client")]
mod deadline;
#[cfg(feature = "_client")]
mod last_failure;
mod metrics;
mod read_backoff;
#[cfg(feature = "_client")]
mod sanitize;
mod secret_state;
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
