//! AWS Secrets Manager, through Amazon's own client.

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

/// The secrets of AWS Secrets Manager, read by Amazon's client.
///
/// A reference is a secret's name or its ARN, whose region is asked then. If the secret is a JSON object, `#key` behind it says which
/// of its texts is meant: `team/payroll#client_secret`. What is labelled `AWSCURRENT` is read.
///
/// Region and credentials are found as Amazon's clients find them: environment, profile, web identity (EKS), container (ECS, EKS
/// Pod Identity), instance. Not found is what needs a browser or a program: SSO, `aws login`, `credential_process`; a configuration
/// that can do that is handed to the [builder](AwsSecretsManagerBuilder::sdk_config).
///
/// Asks once; put it into [`CachedSecrets`](crate::CachedSecrets), which asks again.
///
/// ```
/// use passport_secrets::{AwsSecretsManager, CachedSecrets};
///
/// let secrets = AwsSecretsManager::builder().build()?;
/// let providers =
///     passport_core::SecretProviders::default().with("aws_secrets_manager", CachedSecrets::new(secrets));
/// # Ok::<(), passport_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct AwsSecretsManager(Arc<SecretsManager>);

struct SecretsManager {
    sdk_config: Option<SdkConfig>,
    transport: Transport,
    /// By the region that a reference names. Created when first needed, and dropped when its
    /// credentials are rejected: their files may be mounted late, or replaced.
    clients: Mutex<HashMap<Option<String>, SdkClient>>,
}

#[derive(Clone)]
struct SdkClient {
    client: Client,
    /// Of the requests for credentials.
    last_failure: LastFailure,
}

impl AwsSecretsManager {
    /// See [`AwsSecretsManagerBuilder`].
    #[must_use]
    pub fn builder() -> AwsSecretsManagerBuilder {
        AwsSecretsManagerBuilder::default()
    }

    async fn read(
        &self,
        reference: &SecretRef,
        id: SecretId<'_>,
    ) -> Result<GetSecretValueOutput, SecretError> {
        let SdkClient { client, last_failure } = self.client(id.region).await;
        if client.config().region().is_none() {
            self.forget(id.region).await;
            return Err(SecretError::new(SecretErrorKind::Unreadable, reference.clone(), NO_REGION));
        }
        let read = client.get_secret_value().secret_id(id.id).send().await;
        read.map_err(|error| failure::of(reference, &error, last_failure.get()))
    }

    /// Reads the secret; after a rejection, with the settings of the environment loaded again: they
    /// may have been replaced there.
    async fn read_with_reload(
        &self,
        reference: &SecretRef,
        id: SecretId<'_>,
    ) -> Result<GetSecretValueOutput, SecretError> {
        let read = self.read(reference, id).await;
        let is_refused = |error: &SecretError| error.kind() == SecretErrorKind::Unauthenticated;
        if !read.as_ref().is_err_and(is_refused) || self.0.sdk_config.is_some() {
            return read;
        }
        self.forget(id.region).await;
        self.read(reference, id).await
    }

    /// # Cancel safety
    /// Dropping the future ends the search for credentials; the next call begins another.
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

    async fn forget(&self, region: Option<&str>) {
        self.0.clients.lock().await.remove(&region.map(str::to_owned));
    }

    async fn new_client(&self, region: Option<String>) -> SdkClient {
        let (region, last_failure) = (region.map(Region::new), LastFailure::default());
        let transport = &self.0.transport;
        let found = match &self.0.sdk_config {
            Some(config) => config.clone(),
            None => found(http::identity_client(transport, &last_failure), region.clone()).await,
        };
        // The caller has a deadline, and the cache around this decides when to retry.
        let mut config = Builder::from(&found).retry_config(RetryConfig::disabled());
        if self.0.sdk_config.is_none() || found.http_client().is_none() {
            config = config.http_client(http::client(transport));
        }
        let client = Client::from_conf(region.into_iter().fold(config, Builder::region).build());
        SdkClient { client, last_failure }
    }
}

/// Loads the settings of the environment. With a known `region`, no metadata service is requested
/// for one.
async fn found(http: SharedHttpClient, region: Option<Region>) -> SdkConfig {
    let found = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    region.into_iter().fold(found, ConfigLoader::region).load().await
}

impl SecretProvider for AwsSecretsManager {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let error = |reason| SecretError::new(SecretErrorKind::Unreadable, reference.clone(), reason);
        let id = SecretId::parse(reference.path()).map_err(error)?;
        let read = within_deadline(reference, self.read_with_reload(reference, id)).await?;
        let version = read.version_id().map(crate::sanitize::shown);
        let resolved = ResolvedSecret::new(value(read, id.key).map_err(error)?);
        Ok(version.into_iter().fold(resolved, ResolvedSecret::with_version))
    }
}

const NO_REGION: &str = "no region is known; set AWS_REGION, or write the secret's ARN";

/// Returns the secret as a whole, or the text at `key` in its JSON; or why it is unreadable.
fn value(read: GetSecretValueOutput, key: Option<&str>) -> Result<Secret, &'static str> {
    let text = read.secret_string.ok_or("it is binary, and not a text")?;
    let Some(key) = key else { return Ok(text.into()) };
    at_key(&zeroize::Zeroizing::new(text), key)
}

fn at_key(json: &str, key: &str) -> Result<Secret, &'static str> {
    let fields: HashMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(json).map_err(|_| "it is no JSON object; leave #key out if it is a text")?;
    let field = fields.get(key).ok_or("its JSON has no such key")?;
    let text: Result<String, _> = serde_json::from_str(field.get());
    text.map(Secret::from).map_err(|_| "what is at the key is not a text")
}

impl fmt::Debug for AwsSecretsManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSecretsManager").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
