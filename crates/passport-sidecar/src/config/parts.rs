use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::Deserialize;

/// Where it listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// The path of a Unix socket; none if empty.
    pub(crate) unix: PathBuf,
    /// Who may connect to it, as `chmod` has it.
    pub(crate) unix_mode: String,
    /// The user that it belongs to.
    pub(crate) unix_owner: Option<String>,
    /// The group that it belongs to.
    pub(crate) unix_group: Option<String>,
    /// A loopback address, for callers that show a token.
    pub(crate) tcp: Option<SocketAddr>,
    /// A loopback address for health and metrics.
    pub(crate) admin: Option<SocketAddr>,
    /// Further names by which clients may call it.
    pub(crate) hosts: Vec<String>,
    /// Headers of proxies in requests to be forwarded, on the Unix socket.
    pub(crate) unix_proxy_headers: ProxyHeaders,
    /// The same on TCP.
    pub(crate) tcp_proxy_headers: ProxyHeaders,
}

/// What is done with headers that proxies set, in requests to be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProxyHeaders {
    /// The upstream sees the sidecar only.
    Drop,
    /// For a gateway that is trusted to set them.
    Forward,
    /// The request is answered 403.
    Refuse,
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
            tcp_proxy_headers: ProxyHeaders::Refuse,
        }
    }
}

/// Somebody who may ask.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CallerConfig {
    pub(super) uids: Vec<u32>,
    pub(super) gids: Vec<u32>,
    pub(super) token_ref: Option<String>,
    pub(super) identities: Vec<String>,
    pub(super) scopes: Option<Vec<String>>,
}

/// A service that requests are passed on to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamConfig {
    pub(super) url: String,
    /// In whose name.
    pub(super) identity: Option<String>,
    /// In the caller's name, if it has one.
    #[serde(default)]
    pub(super) propagate: bool,
    /// HTTP/2 without TLS.
    #[serde(default)]
    pub(super) http2: bool,
    /// A PEM file with a private CA, trusted beside the system's.
    pub(super) ca_file: Option<PathBuf>,
    /// Lets the URL be plain `http` off this machine.
    #[serde(default)]
    pub(super) danger_plain_http: bool,
}

/// For whom tokens are that are to be judged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValidateConfig {
    pub(super) audience: String,
    pub(super) issuer: Option<String>,
    pub(super) jwks_url: Option<String>,
    /// A PEM file with a private CA, trusted beside the system's.
    pub(super) ca_file: Option<PathBuf>,
    /// Lets the issuer and the JWKS URL be plain `http` off this machine.
    #[serde(default)]
    pub(super) danger_plain_http: bool,
    /// The `User-Agent` of requests for keys.
    pub(super) user_agent: Option<String>,
    /// Bytes of the largest token that is accepted.
    pub(super) max_token_size: Option<usize>,
    /// Seconds for each request for the discovery document and for keys.
    pub(super) jwks_fetch_timeout_seconds: Option<u64>,
    /// Seconds between two requests for keys that tokens can cause.
    pub(super) jwks_cooldown_seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Connections at a time, at each listener.
    pub(crate) connections: usize,
    /// Of these, connections of one caller. By default half of them; all, if there is no other
    /// caller.
    pub(crate) connections_per_caller: Option<usize>,
    /// Bytes of a request's head.
    pub(crate) head: usize,
    /// Seconds until the head has to be there; also how long a connection may wait for its next request.
    pub(crate) head_seconds: u64,
    /// Seconds for which a connection may move nothing, have no request, or not take its answer; and for which an upstream may not
    /// take more of what is there.
    pub(crate) idle_seconds: u64,
    /// Seconds for a token, or for the head of an upstream's response.
    pub(crate) answer_seconds: u64,
    /// Seconds for requests in flight when it is told to end.
    pub(crate) drain_seconds: u64,
    /// Forwarded requests at a time.
    pub(crate) forwarded: usize,
    /// Of these, requests of one caller.
    pub(crate) forwarded_per_caller: usize,
    /// KiB of one body that are buffered at one place.
    pub(crate) stream_kib: usize,
    /// KiB of request bodies that a connection of HTTP/2 may send before they are read.
    pub(crate) connection_kib: usize,
    /// MiB that all buffers together may take.
    pub(crate) buffered_mib: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        connections: 1000,
        connections_per_caller: None,
        head: 16 * 1024,
        head_seconds: 30,
        idle_seconds: 300,
        answer_seconds: 30,
        drain_seconds: 25,
        forwarded: 1024,
        forwarded_per_caller: 256,
        stream_kib: 64,
        connection_kib: 256,
        buffered_mib: 1024,
    };

    pub(crate) fn head_time(&self) -> Duration {
        Duration::from_secs(self.head_seconds)
    }

    pub(crate) fn idle_time(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    pub(crate) fn answer_time(&self) -> Duration {
        Duration::from_secs(self.answer_seconds)
    }

    pub(crate) fn stream_bytes(&self) -> usize {
        self.stream_kib.saturating_mul(1024)
    }

    pub(crate) fn stream_window(&self) -> u32 {
        window(self.stream_bytes())
    }

    pub(crate) fn connection_window(&self) -> u32 {
        window(self.connection_kib.saturating_mul(1024))
    }

    /// The window of a caller's connection to an upstream, for all of its streams.
    pub(crate) fn upstream_window(&self) -> u32 {
        window(self.stream_bytes().saturating_mul(self.forwarded_per_caller))
    }

    pub(crate) fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// A window of HTTP/2 ([RFC 9113, section
/// 6.9.1](https://www.rfc-editor.org/rfc/rfc9113#section-6.9.1)).
fn window(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).min(u32::MAX >> 1)
}
