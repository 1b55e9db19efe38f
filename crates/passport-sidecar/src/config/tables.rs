//! The tables of the configuration file.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf};

use serde::Deserialize;

/// The table `listen`: the sockets of the sidecar.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// The path of the Unix socket. An empty path disables it.
    pub(crate) unix: PathBuf,
    /// The octal mode of the socket file, as for `chmod`.
    pub(crate) unix_mode: String,
    /// The owner of the socket file.
    pub(crate) unix_owner: Option<String>,
    /// The group of the socket file.
    pub(crate) unix_group: Option<String>,
    /// The loopback address for callers with a token.
    pub(crate) tcp: Option<SocketAddr>,
    /// The loopback address for health and metrics.
    pub(crate) admin: Option<SocketAddr>,
    /// Accepted names in the `Host` of requests, besides those of this machine.
    pub(crate) hosts: Vec<String>,
    /// The treatment of proxy headers in forwarded requests on the Unix socket.
    pub(crate) unix_proxy_headers: ProxyHeaders,
    /// The treatment of proxy headers in forwarded requests on TCP.
    pub(crate) tcp_proxy_headers: ProxyHeaders,
}

/// The treatment of headers that proxies set, in forwarded requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProxyHeaders {
    /// Removes the headers.
    Drop,
    /// Forwards the headers. For a trusted gateway, which overwrites those of its clients.
    Forward,
    /// Rejects the request with 403.
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

/// A table of `callers`: a service that may use the sidecar.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CallerConfig {
    /// The users that are this caller on the Unix socket.
    pub(crate) uids: BTreeSet<u32>,
    /// The groups that are this caller on the Unix socket.
    pub(crate) gids: BTreeSet<u32>,
    /// The reference of the token that is this caller on TCP.
    pub(crate) token_ref: Option<String>,
    /// The names of the identities that the caller may use.
    pub(crate) identities: BTreeSet<String>,
    /// The scopes that the caller may request. `None` allows those that the identity is configured
    /// with.
    pub(crate) scopes: Option<BTreeSet<String>>,
}

/// A table of `upstreams`: a service that requests are forwarded to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamConfig {
    pub(crate) url: String,
    /// The name of the identity. Its token is attached to requests.
    pub(crate) identity: Option<String>,
    /// Whether the client's own token is forwarded.
    #[serde(default)]
    pub(crate) propagate: bool,
    /// Whether HTTP/2 is used without TLS (prior knowledge).
    #[serde(default)]
    pub(crate) http2: bool,
    /// A PEM file with a private CA, trusted in addition to the system's root certificates.
    pub(crate) ca_file: Option<PathBuf>,
    /// Allows plain `http` to another machine.
    #[serde(default)]
    pub(crate) danger_plain_http: bool,
}

/// The table `validate`: the tokens that `/v1/validate` and `/v1/auth` accept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidateConfig {
    pub(crate) audience: String,
    pub(crate) issuer: Option<String>,
    pub(crate) jwks_url: Option<String>,
    /// A PEM file with a private CA, trusted in addition to the system's root certificates.
    pub(crate) ca_file: Option<PathBuf>,
    /// Allows plain `http` to an issuer or a JWKS URL on another machine.
    #[serde(default)]
    pub(crate) danger_plain_http: bool,
    /// The `User-Agent` of requests for the discovery document and for keys.
    pub(crate) user_agent: Option<String>,
    /// The largest accepted token, in bytes.
    pub(crate) max_token_size: Option<usize>,
    /// The timeout of each request for the discovery document or for keys, in seconds.
    pub(crate) jwks_request_timeout_seconds: Option<u64>,
    /// The least time between two requests for keys that tokens cause, in seconds.
    pub(crate) jwks_cooldown_seconds: Option<u64>,
}
