use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf};

use serde::Deserialize;

/// The table `listen`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// The path of a Unix socket. Empty for none.
    pub(crate) unix: PathBuf,
    /// The mode of its file, as for `chmod`.
    pub(crate) unix_mode: String,
    /// The owner of its file.
    pub(crate) unix_owner: Option<String>,
    /// The group of its file.
    pub(crate) unix_group: Option<String>,
    /// A loopback address, for callers with a token.
    pub(crate) tcp: Option<SocketAddr>,
    /// A loopback address for health and metrics.
    pub(crate) admin: Option<SocketAddr>,
    /// Further names of the sidecar in the `Host` of requests.
    pub(crate) hosts: Vec<String>,
    /// What is done with proxy headers of forwarded requests on the Unix socket.
    pub(crate) unix_proxy_headers: ProxyHeaders,
    /// The same on TCP.
    pub(crate) tcp_proxy_headers: ProxyHeaders,
}

/// What is done with headers that proxies set, in forwarded requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProxyHeaders {
    /// They are removed.
    Drop,
    /// They are forwarded, for a gateway that is trusted to set them.
    Forward,
    /// The request is rejected with 403.
    Reject,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            unix: PathBuf::from("/run/passport/sidecar.sock"),
            unix_mode: "0660".to_owned(),
            unix_owner: None,
            unix_group: None,
            tcp: None,
            admin: None,
            hosts: Vec::new(),
            unix_proxy_headers: ProxyHeaders::Drop,
            tcp_proxy_headers: ProxyHeaders::Reject,
        }
    }
}

/// A table of `callers`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CallerConfig {
    pub(crate) uids: BTreeSet<u32>,
    pub(crate) gids: BTreeSet<u32>,
    pub(crate) token_ref: Option<String>,
    pub(crate) identities: BTreeSet<String>,
    pub(crate) scopes: Option<BTreeSet<String>>,
}

/// A table of `upstreams`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamConfig {
    pub(crate) url: String,
    /// The identity whose token its requests have.
    pub(crate) identity: Option<String>,
    /// Whether a request keeps the token that it brings.
    #[serde(default)]
    pub(crate) propagate: bool,
    /// HTTP/2 without TLS.
    #[serde(default)]
    pub(crate) http2: bool,
    /// A PEM file with a private CA, trusted beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Lets the URL be plain `http` off this machine.
    #[serde(default)]
    pub(crate) danger_plain_http: bool,
}

/// The table `validate`: which tokens are accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidateConfig {
    pub(crate) audience: String,
    pub(crate) issuer: Option<String>,
    pub(crate) jwks_url: Option<String>,
    /// A PEM file with a private CA, trusted beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Lets the issuer and the JWKS URL be plain `http` off this machine.
    #[serde(default)]
    pub(crate) danger_plain_http: bool,
    /// The `User-Agent` of requests for keys.
    pub(crate) user_agent: Option<String>,
    /// Bytes of the largest token that is accepted.
    pub(crate) max_token_size: Option<usize>,
    /// Seconds for each request for the discovery document and for keys.
    pub(crate) jwks_fetch_timeout_seconds: Option<u64>,
    /// Seconds between two requests for keys that tokens can cause.
    pub(crate) jwks_cooldown_seconds: Option<u64>,
}
