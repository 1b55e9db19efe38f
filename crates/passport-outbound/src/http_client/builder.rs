use std::fmt;

use passport_core::{ConfigError, ConfigProblem};
use reqwest::Client;

use super::ManagedIdentityHttpClient;
use crate::{AllowedOrigins, Identity, destination::base_url};

/// Settings of a [`ManagedIdentityHttpClient`].
#[must_use]
pub struct ManagedIdentityHttpClientBuilder {
    identity: Identity,
    base_url: String,
    client: Option<Client>,
    others: Option<AllowedOrigins>,
    replays: bool,
}

impl ManagedIdentityHttpClientBuilder {
    pub(super) fn new(identity: Identity, base_url: &str) -> Self {
        Self { identity, base_url: base_url.to_owned(), client: None, others: None, replays: false }
    }

    /// Sends with `client`, whatever its time limits, proxies and certificates. Defaults to `reqwest::Client` as it is.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Lets requests go to other origins than that of the base URL, too. None by default.
    pub fn also_allow(mut self, origins: AllowedOrigins) -> Self {
        self.others = Some(origins);
        self
    }

    /// Sends a request once more, with a new token, when its receiver refused the first. Off by default. What it means is
    /// told at [`replay_clones`](crate::AttachTokenLayer::replay_clones).
    pub fn replay_refused(mut self) -> Self {
        self.replays = true;
        self
    }

    /// The client. Does no I/O.
    ///
    /// # Errors
    /// A [`ConfigError`] when the base URL is not an absolute `https` URL (or one of a loopback host), or the machine lacks
    /// what TLS needs.
    pub fn build(self) -> Result<ManagedIdentityHttpClient, ConfigError> {
        let mut problems = Vec::new();
        let base = ConfigProblem::collect(&mut problems, "base_url", base_url(&self.base_url));
        let client = self.client.map_or_else(|| Client::builder().build(), Ok);
        let client = ConfigProblem::collect(&mut problems, "client", client);
        let (Some((base, origins)), Some(client)) = (base, client) else {
            return Err(ConfigError::new(problems));
        };
        let origins = self.others.iter().fold(origins, AllowedOrigins::and);
        Ok(ManagedIdentityHttpClient {
            client,
            base,
            identity: self.identity,
            origins,
            replays: self.replays,
        })
    }
}

/// The URL is left out: until it is checked, it may hold credentials.
impl fmt::Debug for ManagedIdentityHttpClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentityHttpClientBuilder")
            .field("identity", &self.identity)
            .field("replays", &self.replays)
            .finish_non_exhaustive()
    }
}
