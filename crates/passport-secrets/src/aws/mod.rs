//! AWS Secrets Manager, through Amazon's own client.

mod builder;
mod failure;
mod http;
mod reference;

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::{
    Client,
    config::{Builder, retry::RetryConfig},
    operation::get_secret_value::GetSecretValueOutput,
};
use passport_core::{
    ResolvedSecret, Secret, SecretError, SecretErrorKind, SecretProvider, SecretRef, Transport,
};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

pub use self::builder::AwsSecretsManagerBuilder;
use self::reference::Place;

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
/// let secrets = AwsSecretsManager::builder().build();
/// let providers =
///     passport_core::SecretProviders::default().with("aws_secrets_manager", CachedSecrets::new(secrets));
/// ```
#[derive(Clone)]
pub struct AwsSecretsManager(Arc<Inner>);

struct Inner {
    sdk_config: Option<SdkConfig>,
    transport: Transport,
    /// Made when it is first needed: files that prove who asks may be mounted late.
    client: OnceCell<Client>,
}

impl AwsSecretsManager {
    /// See [`AwsSecretsManagerBuilder`].
    #[must_use]
    pub fn builder() -> AwsSecretsManagerBuilder {
        AwsSecretsManagerBuilder::default()
    }

    async fn client(&self) -> &Client {
        self.0.client.get_or_init(|| self.made()).await
    }

    async fn made(&self) -> Client {
        let http = http::client(&self.0.transport);
        let found = match &self.0.sdk_config {
            Some(config) => config.clone(),
            None => aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone()).load().await,
        };
        // Whoever needs the secret knows what it may wait, and whoever keeps it how often to ask.
        let mut config = Builder::from(&found).retry_config(RetryConfig::disabled());
        if found.http_client().is_none() {
            config = config.http_client(http);
        }
        Client::from_conf(config.build())
    }
}

impl SecretProvider for AwsSecretsManager {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let error = |(kind, reason): Wrong| SecretError::new(kind, reference.clone(), reason);
        let place =
            Place::parse(reference.place()).map_err(|wrong| error((SecretErrorKind::Unreadable, wrong)))?;
        let client = self.client().await;
        let ask = client.get_secret_value().secret_id(place.id).customize();
        let ask = match place.region {
            Some(region) => ask.config_override(Builder::default().region(Region::new(region.to_owned()))),
            None if client.config().region().is_none() => return Err(error(NO_REGION)),
            None => ask,
        };
        let read = ask.send().await.map_err(|error| failure::of(reference, &error))?;
        let version = read.version_id().map(crate::answer::shown);
        let resolved = ResolvedSecret::new(value(read, place.key).map_err(error)?);
        Ok(version.into_iter().fold(resolved, ResolvedSecret::with_version))
    }
}

type Wrong = (SecretErrorKind, &'static str);

const NO_REGION: Wrong =
    (SecretErrorKind::Unreadable, "no region is known; set AWS_REGION, or write the secret's ARN");

/// The secret as a whole, or the text at `key` in its JSON.
fn value(read: GetSecretValueOutput, key: Option<&str>) -> Result<Secret, Wrong> {
    let text = read.secret_string.ok_or((SecretErrorKind::Unreadable, "it is binary, and not a text"))?;
    let Some(key) = key else { return Ok(text.into()) };
    at_key(&zeroize::Zeroizing::new(text), key)
}

fn at_key(json: &str, key: &str) -> Result<Secret, Wrong> {
    let fields: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json)
        .map_err(|_| (SecretErrorKind::Unreadable, "it is no JSON object; leave #key out if it is a text"))?;
    let field = fields.get(key).ok_or((SecretErrorKind::NotFound, "its JSON has no such key"))?;
    let text: Result<String, _> = serde_json::from_str(field.get());
    text.map(Secret::from).map_err(|_| (SecretErrorKind::Unreadable, "what is at the key is not a text"))
}

impl fmt::Debug for AwsSecretsManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSecretsManager").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_json_object_the_text_at_the_key_is_taken() {
        let json = r#"{ "id": "mi-1", "sec\u0072et": "a\nb", "number": 7 }"#;
        let read = |key| at_key(json, key).map(|secret| secret.expose().to_owned()).map_err(|(kind, _)| kind);
        assert_eq!(read("secret").as_deref(), Ok("a\nb"));
        assert_eq!(read("number"), Err(SecretErrorKind::Unreadable));
        assert_eq!(read("other"), Err(SecretErrorKind::NotFound));
        assert_eq!(at_key("a text", "secret").unwrap_err().0, SecretErrorKind::Unreadable);
    }
}
