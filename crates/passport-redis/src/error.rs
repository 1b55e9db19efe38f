//! Errors of Redis, without its texts: they may quote what was sent, such as a password or a token.

use std::fmt;

use passport_outbound::{StoreError, TlsFailure};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The kind and the code of an error of the client, without a text from the server.
#[derive(Clone, Debug)]
struct RedactedError {
    kind: ErrorKind,
    code: Option<String>,
    /// An error of the operating system or of TLS.
    io: Option<RedisError>,
}

/// A TLS failure, and the client's error in which it was found. That error has no text from the
/// server: only an error of the operating system or of TLS has causes.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{failure}")]
struct NoTlsSession {
    failure: TlsFailure,
    source: RedisError,
}

/// The longest code that is shown. Redis has short ones.
const MAX_CODE: usize = 24;

impl From<&RedisError> for RedactedError {
    fn from(error: &RedisError) -> Self {
        let is_code = |code: &&str| {
            code.len() <= MAX_CODE && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        Self {
            kind: error.kind(),
            code: error.code().filter(is_code).map(str::to_owned),
            // With a detail it is not the operating system's: the client puts texts of servers
            // there.
            io: (error.is_io_error() && error.detail().is_none()).then(|| error.clone()),
        }
    }
}

impl fmt::Display for RedactedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.io, &self.code) {
            (Some(io), _) => write!(f, "{io}"),
            (None, Some(code)) => f.write_str(code),
            (None, None) => write!(f, "{:?}", self.kind),
        }
    }
}

impl std::error::Error for RedactedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.io.as_ref().map(|error| error as _)
    }
}

pub(crate) fn store_error(error: &RedisError) -> StoreError {
    match TlsFailure::find(error) {
        Some(failure) => StoreError::new(
            "no TLS session with Redis, and waiting does not bring one; the cause says what to change",
        )
        .with_source(NoTlsSession { failure, source: error.clone() }),
        None => StoreError::new(advice(error)).with_source(RedactedError::from(error)),
    }
}

fn advice(error: &RedisError) -> &'static str {
    if error.is_timeout() {
        return "Redis did not answer in time";
    }
    match (error.kind(), error.code()) {
        (ErrorKind::Io, _) => "Redis cannot be reached, or ended the connection",
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => {
            "Redis refused user or password; see what the password's reference holds, and `ACL LIST`"
        }
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
            "the Redis user may not do what the store does; docs/caching.md has the ACL it needs"
        }
        (_, Some("OOM")) => "Redis is full (maxmemory)",
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => "this Redis is a replica, which takes no writes",
        (_, Some("MISCONF")) => "Redis takes no writes, as it cannot save (MISCONF)",
        (ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown), _) => {
            "Redis is starting"
        }
        (ErrorKind::Server(ServerErrorKind::ClusterDown) | ErrorKind::ClusterConnectionNotFound, _) => {
            "the Redis cluster does not serve this key at present"
        }
        (ErrorKind::MasterNameNotFoundBySentinel, _) => {
            "the sentinels know no master of this name; see `SENTINEL MASTERS`"
        }
        (ErrorKind::InvalidClientConfig, _) => "the connection to Redis cannot be made as it is configured",
        (ErrorKind::RESP3NotSupported, _) | (_, Some("NOPROTO")) => {
            "Redis is too old; version 6.2 or later is needed"
        }
        _ => "Redis gave an error",
    }
}

/// Whether the connection is the cause, and another one may help.
pub(crate) fn concerns_the_connection(error: &RedisError) -> bool {
    error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly))
}

/// Whether Redis has replied with an error, and the connection can be used.
pub(crate) fn is_server_error(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) && !concerns_the_connection(error)
}

#[cfg(test)]
mod tests;
