use std::{fmt, sync::Arc};

use aws_config::SdkConfig;
use passport_core::Transport;
use tokio::sync::Mutex;

use super::{AwsSecretsManager, Inner};

/// Builds an [`AwsSecretsManager`]. Everything has a default.
#[derive(Clone, Default)]
pub struct AwsSecretsManagerBuilder {
    sdk_config: Option<SdkConfig>,
    transport: Transport,
}

impl AwsSecretsManagerBuilder {
    /// Region, credentials and all else that Amazon's clients can be told. Found in the environment by default, see
    /// [`AwsSecretsManager`]. An HTTP client in it is used; its retries are not.
    #[must_use]
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.sdk_config = Some(config);
        self
    }

    /// Sends what is asked through `transport`, for roots or a proxy of your own: Secrets Manager, and whoever gives credentials.
    /// Defaults to [`HttpTransport`](passport_core::HttpTransport).
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// The provider. Nobody is asked yet.
    #[must_use]
    pub fn build(self) -> AwsSecretsManager {
        let Self { sdk_config, transport } = self;
        AwsSecretsManager(Arc::new(Inner { sdk_config, transport, clients: Mutex::default() }))
    }
}

impl fmt::Debug for AwsSecretsManagerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSecretsManagerBuilder").finish_non_exhaustive()
    }
}
