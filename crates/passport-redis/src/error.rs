//! Converts errors of the `redis` crate into [`StoreError`]s. A `StoreError` contains no text
//! from the Redis server, because such a text may quote a password or a token that was sent.

use std::fmt;

use passport_outbound::{StoreError, TlsFailure};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The cause of a [`StoreError`]: the servers, and the kind and the code of the error, without
/// texts from the server.
#[derive(Clone, Debug)]
struct RedactedError {
    /// The servers to which the command was sent.
    endpoint: String,
    kind: ErrorKind,
    /// The first word of an error reply, such as `NOPERM`. `None` if that word does not look like
    /// an error code.
    code: Option<String>,
    /// The whole error, if the operating system or TLS caused it. Otherwise `None`.
    io: Option<RedisError>,
}

/// The cause of a [`StoreError`] after a TLS failure. Keeps the original error as its source:
/// errors of TLS and of the operating system contain no text from the server.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{endpoint}: {failure}")]
struct TlsError {
    endpoint: String,
    failure: TlsFailure,
    source: RedisError,
}

/// The message of the error if Redis did not reply within the timeout of the store.
pub(crate) const NO_REPLY: &str =
    "Redis did not reply in time; check its load and the network, or raise the timeout of the store";

/// The maximum length of an error code, in bytes. A longer word is omitted: the error codes of
/// Redis are shorter, so the word is part of another text from the server.
const MAX_CODE: usize = 24;

impl RedactedError {
    /// Copies the parts of `error` that are safe to print.
    fn new(error: &RedisError, endpoint: String) -> Self {
        let is_code = |code: &&str| {
            code.len() <= MAX_CODE && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        Self {
            endpoint,
            kind: error.kind(),
            code: error.code().filter(is_code).map(str::to_owned),
            // The `redis` crate puts texts from the server into the detail. An I/O error with a
            // detail is therefore not from the operating system.
            io: (error.is_io_error() && error.detail().is_none()).then(|| error.clone()),
        }
    }
}

impl fmt::Display for RedactedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.endpoint;
        match (&self.io, &self.code) {
            (Some(io), _) => write!(f, "{endpoint}: {io}"),
            (None, Some(code)) => write!(f, "{endpoint}: {code}"),
            (None, None) => write!(f, "{endpoint}: {:?}", self.kind),
        }
    }
}

impl std::error::Error for RedactedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.io.as_ref().map(|error| error as _)
    }
}

/// Converts an error of connecting to `endpoint`, or of a command that was sent to `endpoint`.
pub(crate) fn store_error(error: &RedisError, endpoint: &impl fmt::Display) -> StoreError {
    let endpoint = endpoint.to_string();
    match TlsFailure::find(error) {
        Some(failure) => {
            StoreError::new("no TLS session with Redis; retrying does not help, fix what the cause names")
                .with_source(TlsError { endpoint, failure, source: error.clone() })
        }
        None => StoreError::new(advice(error)).with_source(RedactedError::new(error, endpoint)),
    }
}

/// Returns the message for `error`: what failed, and the remedy.
fn advice(error: &RedisError) -> &'static str {
    if error.is_timeout() {
        return NO_REPLY;
    }
    match (error.kind(), error.code()) {
        (ErrorKind::Io, _) => {
            "cannot reach Redis, or it closed the connection; check that it runs, its URL and the network"
        }
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => {
            "Redis rejected the user name or password; check `ACL LIST`, and the secret at the reference of the password"
        }
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
            "the Redis user lacks a permission; allow the commands eval, get, set, getrange, unlink, pttl, pexpire, publish, subscribe, hello and select, with a Cluster also cluster, for a deny list also time, xadd, xdel, xrange, xread, zadd, zrange and zrem, and the keys of the namespace (\"Redis ACL\" in the guide's page on caching)"
        }
        (_, Some("OOM")) => "Redis is out of memory; raise maxmemory, or set an eviction policy",
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => {
            "the server is a read-only replica; configure the address of the primary"
        }
        (_, Some("MISCONF")) => {
            "Redis rejects writes, because it cannot save to disk (MISCONF); check its disk and its log"
        }
        (ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown), _) => {
            "Redis is loading its data, or has lost its primary; wait, or check its log"
        }
        (ErrorKind::Server(ServerErrorKind::ClusterDown) | ErrorKind::ClusterConnectionNotFound, _) => {
            "the Redis Cluster does not serve the slot of this key; check `CLUSTER INFO`"
        }
        (ErrorKind::MasterNameNotFoundBySentinel, _) => {
            "the Sentinels do not monitor a master of this name; check sentinel_service and `SENTINEL MASTERS`"
        }
        (ErrorKind::InvalidClientConfig, _) => {
            "the settings of the Redis connection are invalid; check the URL, the certificates and the CA file"
        }
        (ErrorKind::RESP3NotSupported, _) | (_, Some("NOPROTO")) => {
            "Redis is too old; upgrade it to version 6.2 or later"
        }
        _ => "Redis returned an error; the cause has its code",
    }
}

/// Returns whether the failed command can succeed on a new connection. This is the case if the
/// connection failed, or if the server has become a read-only replica after a failover.
pub(crate) fn is_connection_error(error: &RedisError) -> bool {
    error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly))
}

/// Returns whether the error is a reply of the server and the connection can be used again.
pub(crate) fn is_server_error(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) && !is_connection_error(error)
}

#[cfg(test)]
mod tests;
