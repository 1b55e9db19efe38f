//! AWS Secrets Manager, through Amazon's SDK.

mod builder;
mod failure;
mod http;
mod reference;

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_secretsmanager::{
    Client,
    config::{Builder, SharedHttpClient, retry::RetryConfig},
    operation::get_secret_value::GetSecretValueOutput,
};
use passport_core::{
    ResolvedSecret, Secret, SecretError, SecretErrorKind, SecretProvider, SecretRef, Transport,
};
use serde_json::value::RawValue;
use tokio::sync::Mutex;

pub use self::builder::AwsSecretsManagerBuilder;
use self::reference::SecretId;
use crate::{deadline::within_deadline, last_failure::LastFailure};

/// A secret provider for AWS Secrets Manager, based on Amazon's SDK.
///
/// # References
/// The path of a reference is the name or the ARN of a secret; an ARN also selects the region.
/// For a secret that is a JSON object, append `#` and a key: `team/payroll#client_secret`. The
/// provider reads the version with the staging label `AWSCURRENT`.
///
/// # Credentials
/// By default, region and credentials come from the default chain of the SDK: environment,
/// profile, web identity (EKS), container (ECS, EKS Pod Identity), instance metadata. Sources
/// that need a browser or another program (SSO, `aws login`, `credential_process`) are not
/// included. To use such a source, set an [`SdkConfig`](AwsSecretsManagerBuilder::sdk_config).
/// The identity needs the IAM permission `secretsmanager:GetSecretValue`. If a KMS key of your
/// own encrypts the secret, it also needs `kms:Decrypt`.
///
/// # Retries
/// Reading a secret takes at most 9 s, and transient errors are not retried. Wrap the provider
/// in [`CachedSecrets`](crate::CachedSecrets), which retries with a backoff.
///
/// # Example
/// ```
/// use passport_core::SecretProviders;
/// use passport_secrets::{AwsSecretsManager, CachedSecrets};
///
/// let secrets = AwsSecretsManager::builder().build()?;
/// let secrets = CachedSecrets::new(secrets);
/// let providers = SecretProviders::default().with("aws_secrets_manager", secrets);
/// # Ok::<(), passport_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct AwsSecretsManager(Arc<SecretsManager>);

/// The settings and the clients that all clones of a provider share.
struct SecretsManager {
    /// The configuration that the program set. If `None`, the configuration is loaded from the
    /// environment.
    sdk_config: Option<SdkConfig>,
    transport: Transport,
    /// The clients by region; the key `None` is the default region. The first read in a region
    /// creates the client, because files with credentials can be mounted after the start. When AWS
    /// rejects the credentials of a client, the client is dropped, so that the next read loads the
    /// credentials again.
    clients: Mutex<HashMap<Option<String>, SdkClient>>,
}

/// A client of Secrets Manager in one region.
#[derive(Clone)]
struct SdkClient {
    client: Client,
    /// The last failed request for the credentials that `client` uses.
    last_failure: LastFailure,
}

impl AwsSecretsManager {
    /// Creates a builder. All settings have defaults.
    #[must_use]
    pub fn builder() -> AwsSecretsManagerBuilder {
        AwsSecretsManagerBuilder::default()
    }

    /// Reads the secret `id` with one request, without a retry.
    async fn read(
        &self,
        reference: &SecretRef,
        id: SecretId<'_>,
    ) -> Result<GetSecretValueOutput, SecretError> {
        let SdkClient { client, last_failure } = self.client(id.region).await;
        let Some(region) = client.config().region() else {
            self.drop_client(id.region).await;
            return Err(SecretError::new(SecretErrorKind::Unreadable, reference.clone(), NO_REGION));
        };
        let read = client.get_secret_value().secret_id(id.id).send().await;
        read.map_err(|error| failure::secret_error(reference, region, &error, last_failure.get()))
    }

    /// Reads the secret `id`. If AWS rejects credentials from the environment, loads the
    /// credentials again and retries once, because the credentials may have been rotated.
    async fn read_with_reload(
        &self,
        reference: &SecretRef,
        id: SecretId<'_>,
    ) -> Result<GetSecretValueOutput, SecretError> {
        let read = self.read(reference, id).await;
        let is_rejected = |error: &SecretError| error.kind() == SecretErrorKind::Unauthenticated;
        if !read.as_ref().is_err_and(is_rejected) || self.0.sdk_config.is_some() {
            return read;
        }
        self.drop_client(id.region).await;
        self.read(reference, id).await
    }

    /// Returns the client of `region`. If there is no client of this region, creates one.
    ///
    /// # Cancel safety
    /// Dropping the future cancels loading the configuration. The next call loads it again.
    async fn client(&self, region: Option<&str>) -> SdkClient {
        let mut clients = self.0.clients.lock().await;
        let key = region.map(str::to_owned);
        if let Some(client) = clients.get(&key) {
            return client.clone();
        }
        let created = self.new_client(key.clone()).await;
        clients.insert(key, created.clone());
        created
    }

    /// Removes the client of `region`, so that the next read loads region and credentials again.
    async fn drop_client(&self, region: Option<&str>) {
        self.0.clients.lock().await.remove(&region.map(str::to_owned));
    }

    /// Creates a client of `region` with the configuration that the program set. If the program set
    /// none, loads the configuration from the environment.
    async fn new_client(&self, region: Option<String>) -> SdkClient {
        let (region, last_failure) = (region.map(Region::new), LastFailure::default());
        let transport = &self.0.transport;
        let loaded = match &self.0.sdk_config {
            Some(config) => config.clone(),
            None => load_config(http::identity_client(transport, &last_failure), region.clone()).await,
        };
        // No retries: the read has a deadline, and the cache around this provider retries.
        let mut config = Builder::from(&loaded).retry_config(RetryConfig::disabled());
        if self.0.sdk_config.is_none() || loaded.http_client().is_none() {
            config = config.http_client(http::client(transport));
        }
        let client = Client::from_conf(region.into_iter().fold(config, Builder::region).build());
        SdkClient { client, last_failure }
    }
}

/// Loads the region and the sources of credentials from the environment. If `region` is set,
/// uses it, and sends no request for a region to the metadata service.
async fn load_config(http: SharedHttpClient, region: Option<Region>) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    region.into_iter().fold(loader, ConfigLoader::region).load().await
}

impl SecretProvider for AwsSecretsManager {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let error = |reason| SecretError::new(SecretErrorKind::Unreadable, reference.clone(), reason);
        let id = SecretId::parse(reference.path()).map_err(error)?;
        let read = within_deadline(reference, self.read_with_reload(reference, id)).await?;
        let version = read.version_id().map(crate::sanitize::one_line);
        let resolved = ResolvedSecret::new(value(read, id.key).map_err(error)?);
        Ok(version.into_iter().fold(resolved, ResolvedSecret::with_version))
    }
}

/// The reason of the error if neither the reference nor the environment has a region.
const NO_REGION: &str =
    "no AWS region is configured; set AWS_REGION, or write the ARN of the secret in the reference";

/// Returns the secret in the response `read`. Without a `key`, returns the whole text. With a
/// `key`, parses the text as a JSON object and returns the string at `key`.
///
/// # Errors
/// Returns the reason and the remedy if the secret is binary, or if there is no string at `key`.
fn value(read: GetSecretValueOutput, key: Option<&str>) -> Result<Secret, &'static str> {
    let text = read.secret_string.ok_or("the secret is binary; store it as text")?;
    let Some(key) = key else { return Ok(text.into()) };
    at_key(&zeroize::Zeroizing::new(text), key)
}

/// Returns the string at `key` in the JSON object `json`. If there is no string at `key`,
/// returns the reason and the remedy.
fn at_key(json: &str, key: &str) -> Result<Secret, &'static str> {
    let fields: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).map_err(
        |_| "the secret is not a JSON object; remove #key from the reference to read the whole text",
    )?;
    let field = fields
        .get(key)
        .ok_or("the JSON of the secret has no such key; check the text behind # in the reference")?;
    let text: Result<String, _> = serde_json::from_str(field.get());
    text.map(Secret::from).map_err(|_| "the value at the key is not a string; store it as a JSON string")
}

impl fmt::Debug for AwsSecretsManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSecretsManager").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
