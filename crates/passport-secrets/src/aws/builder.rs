//! The builder of an [`AwsSecretsManager`]: its settings and their defaults.

use std::{fmt, path::PathBuf, sync::Arc};

use aws_config::SdkConfig;
use passport_core::{ConfigError, ConfigProblem, Transport, TransportSettings};
use tokio::sync::Mutex;

use super::{AwsSecretsManager, SecretsManager};

/// A builder of an [`AwsSecretsManager`]. All settings have defaults.
#[derive(Clone, Default)]
pub struct AwsSecretsManagerBuilder {
    sdk_config: Option<SdkConfig>,
    transport: TransportSettings,
}

impl AwsSecretsManagerBuilder {
    /// Sets the configuration of the SDK: region, credentials, endpoint and so on. If `config` has
    /// an HTTP client, the HTTP client of `config` sends all requests. The retry settings of
    /// `config` are ignored. Defaults to the configuration of the environment, see
    /// [`AwsSecretsManager`].
    #[must_use]
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.sdk_config = Some(config);
        self
    }

    /// Sets the transport of all requests, including the requests for credentials. Use it for
    /// example for a proxy or other root certificates. Defaults to
    /// [`ReqwestHttpClient`](passport_core::ReqwestHttpClient).
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Trusts the CA certificates in this PEM file in addition to the certificates of the operating
    /// system, for a VPC endpoint or a proxy that inspects TLS. [`build`](Self::build) reads the
    /// file. Cannot be combined with [`transport`](Self::transport). To trust a CA with a
    /// transport, create the transport with
    /// [`ReqwestHttpClient::with_ca`](passport_core::ReqwestHttpClient::with_ca).
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport = self.transport.ca_file(path);
        self
    }

    /// Builds the provider. Sends no request.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if
    ///
    /// - the CA file cannot be read or has no certificate;
    /// - a CA file is set together with a transport, or with an SDK configuration that has an HTTP
    ///   client.
    pub fn build(self) -> Result<AwsSecretsManager, ConfigError> {
        let Self { sdk_config, transport } = self;
        let mut problems = Vec::new();
        if transport.has_ca_file() && sdk_config.as_ref().is_some_and(|it| it.http_client().is_some()) {
            let remedy = "contradicts the HTTP client in sdk_config; remove one of them";
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
