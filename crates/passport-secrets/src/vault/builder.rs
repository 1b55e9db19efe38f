//! The builder of a [`HashiCorpVault`]: its settings, their defaults and their checks.

use std::{path::PathBuf, sync::Arc};

use http::HeaderValue;
use passport_core::{ConfigError, ConfigProblem, Origin, Transport, TransportSettings};
use url::Url;

use super::{Api, HashiCorpVault, KvEngine, Sessions, VaultAuth, reference::are_valid_segments};

/// The version of a key-value engine. The version determines the paths of the HTTP API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvVersion {
    /// Version 1, which stores only the current value of a secret.
    V1,
    /// Version 2, which stores several versions of each secret. New engines have this version.
    #[default]
    V2,
}

/// A builder of a [`HashiCorpVault`]. All settings have defaults. [`build`](Self::build) reports
/// all invalid settings together.
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
    /// Creates a builder with the default settings for the Vault at `address` and the auth method
    /// `auth`.
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

    /// Sets the mount path of the key-value engine. Defaults to `secret`, the mount path of the
    /// engine in a Vault development server.
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        self.mount = path.into();
        self
    }

    /// Sets the version of the key-value engine. Defaults to [`KvVersion::V2`].
    pub fn kv_version(mut self, version: KvVersion) -> Self {
        self.version = version;
        self
    }

    /// Sets the namespace (`X-Vault-Namespace`) of all requests, for Vault Enterprise, HCP Vault
    /// and OpenBao. Defaults to none.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sets the transport of all requests. Use it for example for a proxy or other root
    /// certificates. Defaults to [`ReqwestHttpClient`](passport_core::ReqwestHttpClient).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Trusts the CA certificates in this PEM file in addition to the certificates of the operating
    /// system. [`build`](Self::build) reads the file. Cannot be combined with
    /// [`transport`](Self::transport). To trust a CA with a transport, create the transport with
    /// [`ReqwestHttpClient::with_ca`](passport_core::ReqwestHttpClient::with_ca).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport = self.transport.ca_file(path);
        self
    }

    /// Allows an `http` address that is not a loopback address. By default, [`build`](Self::build)
    /// rejects such an address.
    ///
    /// **Danger:** everyone on the network path can read Vault tokens and secrets. Use this only
    /// for a private network that is trusted or encrypted, such as docker compose, kind or a
    /// service mesh.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Sets the name by which error messages refer to
    /// [`danger_plain_http`](Self::danger_plain_http). If a program takes this option from an
    /// environment variable or a configuration key, `name` is the name of the variable or the key.
    /// Defaults to `danger_plain_http`.
    pub fn plain_http_option(mut self, name: &'static str) -> Self {
        self.plain_http_option = name;
        self
    }

    /// Builds the provider. Sends no request.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every invalid setting with its remedy.
    pub fn build(self) -> Result<HashiCorpVault, ConfigError> {
        let mut problems = Vec::new();
        let opt_in = (!self.plain_http).then_some(self.plain_http_option);
        let address = ConfigProblem::collect(&mut problems, "address", address(&self.address, opt_in));
        let namespace = self.namespace.as_deref().map(HeaderValue::from_str).transpose();
        let namespace = ConfigProblem::collect(&mut problems, "namespace", namespace);
        for (name, path) in [("mount", Some(&*self.mount)), ("auth", self.auth.login_mount())] {
            if path.is_some_and(|path| !are_valid_segments(&path.split('/').collect::<Vec<_>>())) {
                let problem = "not a path; write it without slashes at its start and end: team/secret";
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

/// Parses the address of Vault. Unless plain `http` is allowed, an `http` address must be a
/// loopback address, because tokens are sent to the address. `opt_in` is the name of the option
/// that allows plain `http`, for the error message. `None` means that plain `http` is allowed.
fn address(text: &str, opt_in: Option<&str>) -> Result<Url, String> {
    const INVALID: &str = "not the address of a Vault server; write https://vault.example.com:8200";
    let url = Url::parse(text).map_err(|_| INVALID)?;
    let origin = text.trim_end_matches('/').parse::<Origin>().map_err(|_| INVALID)?;
    match opt_in {
        Some(opt_in) if !origin.is_secure() => Err(format!(
            "plain http is only allowed for a Vault Agent on this machine; write https, or set {opt_in} in a \
             private network"
        )),
        _ => Ok(url),
    }
}

#[cfg(test)]
mod tests;
