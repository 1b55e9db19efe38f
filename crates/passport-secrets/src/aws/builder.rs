use std::{fmt, path::PathBuf, sync::Arc};

use aws_config::SdkConfig;
use passport_core::{ConfigError, ConfigProblem, Transport, TransportSettings};
use tokio::sync::Mutex;

use super::{AwsSecretsManager, SecretsManager};

/// Builds an [`AwsSecretsManager`]. Everything has a default.
#[derive(Clone, Default)]
pub struct AwsSecretsManagerBuilder {
    sdk_config: Option<SdkConfig>,
    transport: TransportSettings,
}

impl AwsSecretsManagerBuilder {
    /// Region, credentials and all else that Amazon's clients can be told. Found in the environment by default, see
    /// [`AwsSecretsManager`]. An HTTP client in it is used; its retries are not.
    #[must_use]
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.sdk_config = Some(config);
        self
    }

    /// Sends requests to Secrets Manager and for credentials through `transport`, for roots or a proxy
    /// of your own. Defaults to [`ReqwestHttpClient`](passport_core::ReqwestHttpClient).
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Trusts the certificates in this PEM file beside the system's root certificates, for a VPC
    /// endpoint or a proxy that inspects TLS. The file is read by [`build`](Self::build).
    /// Contradicts [`transport`](Self::transport), which has
    /// [`ReqwestHttpClient::with_ca`](passport_core::ReqwestHttpClient::with_ca).
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport = self.transport.ca_file(path);
        self
    }

    /// Builds the provider. Sends no request.
    ///
    /// # Errors
    /// When the CA file cannot be read, or has no effect.
    pub fn build(self) -> Result<AwsSecretsManager, ConfigError> {
        let Self { sdk_config, transport } = self;
        let mut problems = Vec::new();
        if transport.has_ca_file() && sdk_config.as_ref().is_some_and(|it| it.http_client().is_some()) {
            let remedy = "it contradicts the HTTP client of `sdk_config`; leave one of them out";
            problems.push(ConfigProblem::new("ca_file", remedy));
        }
        match transport.build(&mut problems) {
            Some(transport) if problems.is_empty() => Ok(AwsSecretsManager(Arc::new(SecretsManager {
                sdk_config,
                transport,
                clients: Mutex::default(),
            }))),
            _ => Err(ConfigError::new(problems)),
        }
    }
}

impl fmt::Debug for AwsSecretsManagerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSecretsManagerBuilder").finish_non_exhaustive()
    }
}
