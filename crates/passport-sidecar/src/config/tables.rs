//! The tables of the configuration file.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf};

use serde::Deserialize;

/// The table `listen`: the sockets of the sidecar.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// The path of the Unix socket. An empty path disables the Unix socket.
    pub(crate) unix: PathBuf,
    /// The octal mode of the socket file, as for `chmod`.
    pub(crate) unix_mode: String,
    /// The name of the user that owns the socket file. Defaults to the user of the process.
    pub(crate) unix_owner: Option<String>,
    /// The name of the group of the socket file. Defaults to the group of the process.
    pub(crate) unix_group: Option<String>,
    /// The loopback address of the listener for clients that send a caller token. `None` disables
    /// this listener.
    pub(crate) tcp: Option<SocketAddr>,
    /// The loopback address of the listener for health and metrics. `None` disables this listener.
    pub(crate) admin: Option<SocketAddr>,
    /// Names that requests are allowed to have in `Host`, in addition to `localhost` and loopback
    /// addresses.
    pub(crate) hosts: Vec<String>,
    /// What happens to proxy headers of requests that arrive on the Unix socket and are forwarded
    /// to an upstream.
    pub(crate) unix_proxy_headers: ProxyHeaders,
    /// What happens to proxy headers of requests that arrive on TCP and are forwarded to an
    /// upstream.
    pub(crate) tcp_proxy_headers: ProxyHeaders,
}

/// Whether proxy headers (`Forwarded`, `X-Forwarded-*`, `X-Real-IP`, `Via`, `Referer`) of
/// forwarded requests are removed, forwarded or rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProxyHeaders {
    /// Removes the headers, and forwards the request.
    Drop,
    /// Forwards the request with the headers. For a trusted gateway, which overwrites the proxy
    /// headers that its own clients send.
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

/// A table of `callers`: a service that is allowed to use the sidecar, and the credentials that
/// identify a client as this service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CallerConfig {
    /// User ids. A process that runs with one of these user ids is identified as this caller on the
    /// Unix socket.
    pub(crate) uids: BTreeSet<u32>,
    /// Group ids. A process that runs with one of these group ids is identified as this caller on
    /// the Unix socket, unless the user id of the process identifies a caller.
    pub(crate) gids: BTreeSet<u32>,
    /// The reference to the secret that contains the caller token. A client on TCP that sends this
    /// token is identified as this caller.
    pub(crate) token_ref: Option<String>,
    /// The names of the identities whose tokens the caller is allowed to get.
    pub(crate) identities: BTreeSet<String>,
    /// The scopes that the caller is allowed to request. `None` allows the scopes that are
    /// configured for the requested identity.
    pub(crate) scopes: Option<BTreeSet<String>>,
}

/// A table of `upstreams`: a service that requests are forwarded to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamConfig {
    pub(crate) url: String,
    /// The name of the identity whose token is attached to forwarded requests. `None` if the
    /// upstream gets only tokens that clients send.
    pub(crate) identity: Option<String>,
    /// Whether the token that a client sends in `Authorization` is forwarded instead of the
    /// identity's token.
    #[serde(default)]
    pub(crate) propagate: bool,
    /// Whether requests to the upstream use HTTP/2 without negotiation (prior knowledge), as for
    /// gRPC over plain `http`.
    #[serde(default)]
    pub(crate) http2: bool,
    /// A PEM file with a private CA, trusted in addition to the system's root certificates.
    pub(crate) ca_file: Option<PathBuf>,
    /// Allows a `url` with plain `http` to another machine.
    #[serde(default)]
    pub(crate) danger_plain_http: bool,
}
