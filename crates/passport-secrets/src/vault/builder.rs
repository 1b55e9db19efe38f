use std::{path::PathBuf, sync::Arc};

use http::HeaderValue;
use passport_core::{ConfigError, ConfigProblem, Origin, Transport, TransportSettings};
use url::Url;

use super::{Api, HashiCorpVault, KvEngine, Sessions, VaultAuth, reference::is_path};

/// The version of a key-value engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvVersion {
    /// Without versions of secrets.
    V1,
    /// With versions of secrets. What new engines are.
    #[default]
    V2,
}

/// Builds a [`HashiCorpVault`]. Each setting has a default. [`build`](Self::build) reports every mistake at once.
#[derive(Clone, Debug)]
#[must_use]
pub struct HashiCorpVaultBuilder {
    address: String,
    auth: VaultAuth,
    mount: String,
    version: KvVersion,
    namespace: Option<String>,
    transport: TransportSettings,
    plain_http: bool,
    plain_http_option: &'static str,
}

impl HashiCorpVaultBuilder {
    pub(super) fn new(address: String, auth: VaultAuth) -> Self {
        Self {
            address,
            auth,
            mount: "secret".to_owned(),
            version: KvVersion::default(),
            namespace: None,
            transport: TransportSettings::default(),
            plain_http: false,
            plain_http_option: "danger_plain_http",
        }
    }

    /// Where the key-value engine is mounted. Defaults to `secret`, where a development server has it.
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        self.mount = path.into();
        self
    }

    /// The engine's version. Defaults to the second.
    pub fn kv_version(mut self, version: KvVersion) -> Self {
        self.version = version;
        self
    }

    /// The namespace, of Vault Enterprise, HCP and OpenBao. None by default.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sends what is asked through `transport`, for roots or a proxy of your own. Defaults to
    /// [`ReqwestHttpClient`](passport_core::ReqwestHttpClient).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Trusts the certificates in this PEM file beside the system's root certificates. The file is
    /// read by [`build`](Self::build). Contradicts [`transport`](Self::transport), which has
    /// [`ReqwestHttpClient::with_ca`](passport_core::ReqwestHttpClient::with_ca).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport = self.transport.ca_file(path);
        self
    }

    /// Lets the address be plain `http`.
    ///
    /// **Danger:** Vault's tokens and the secrets can be read on the network path. For a private
    /// network that is trusted or encrypted: docker compose, kind, a service mesh.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Sets the name by which errors call [`danger_plain_http`](Self::danger_plain_http), for a
    /// program whose users know it as a variable or a key. Defaults to `danger_plain_http`.
    pub fn plain_http_option(mut self, name: &'static str) -> Self {
        self.plain_http_option = name;
        self
    }

    /// Builds the provider. Sends no request.
    ///
    /// # Errors
    /// When a setting is not valid.
    pub fn build(self) -> Result<HashiCorpVault, ConfigError> {
        let mut problems = Vec::new();
        let opt_in = (!self.plain_http).then_some(self.plain_http_option);
        let address = ConfigProblem::collect(&mut problems, "address", address(&self.address, opt_in));
        let namespace = self.namespace.as_deref().map(HeaderValue::from_str).transpose();
        let namespace = ConfigProblem::collect(&mut problems, "namespace", namespace);
        for (name, path) in [("mount", Some(&*self.mount)), ("auth", self.auth.mount())] {
            if path.is_some_and(|path| !is_path(&path.split('/').collect::<Vec<_>>())) {
                let problem = "it is not a path; write it without slashes at its ends: team/secret";
                problems.push(ConfigProblem::new(name, problem));
            }
        }
        let transport = self.transport.build(&mut problems);
        match (address, namespace, transport) {
            (Some(address), Some(namespace), Some(transport)) if problems.is_empty() => {
                let api = Api { address, namespace, transport };
                let sessions = Sessions::new(api.clone(), self.auth);
                let (mount, version) = (self.mount, self.version);
                Ok(HashiCorpVault(Arc::new(KvEngine { api, mount, version, sessions })))
            }
            _ => Err(ConfigError::new(problems)),
        }
    }
}

/// A token is sent there: over TLS, or to this machine. `opt_in` names the option that allows plain
/// `http`; it is `None` when the option is set.
fn address(text: &str, opt_in: Option<&str>) -> Result<Url, String> {
    const WRONG: &str = "it is not the address of a Vault; write https://vault.example.com:8200";
    let url = Url::parse(text).map_err(|_| WRONG)?;
    let origin = text.trim_end_matches('/').parse::<Origin>().map_err(|_| WRONG)?;
    match opt_in {
        Some(opt_in) if !origin.is_secure() => Err(format!(
            "plain http is for an Agent on this machine only; write https, or use {opt_in} in a private \
             network"
        )),
        _ => Ok(url),
    }
}

#[cfg(test)]
mod tests;
