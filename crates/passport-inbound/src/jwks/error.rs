//! Errors of fetching keys and of the cache file, and the skipped entries of a key set.

use std::{fmt, io};

use http::StatusCode;
use passport_core::{DiscoveryError, TransportError, TransportErrorKind};

use super::key::UnusableKey;
use crate::untrusted_text::Quoted;

/// The maximum number of skipped keys that an error lists. If there are more, the error states
/// how many more.
const MAX_NAMED: usize = 8;

/// An error of a JWKS refresh.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFetchError {
    #[error("JWKS discovery failed: {0}")]
    Discovery(#[from] DiscoveryError),
    #[error("the JWKS refresh was canceled: its task panicked, or a later refresh replaced it")]
    Canceled,
    #[error("the JWKS has no usable key: {0}")]
    NoUsableKey(SkippedKeys),
    #[error(
        "the response is not a JWKS: check the JWKS URL, and whether a proxy or a sign-in page responds instead"
    )]
    NotAKeySet,
    #[error("the issuer responded with status {0} to the JWKS request: expected 200, check the JWKS URL")]
    Status(StatusCode),
    #[error("the JWKS request failed: {0}")]
    Transport(#[from] TransportError),
}

impl KeyFetchError {
    /// Returns the value of the label `outcome` in the counter of key fetches.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            _ if matches!(self.transport().map(TransportError::kind), Some(TransportErrorKind::Tls(_))) => {
                "tls"
            }
            Self::Discovery(_) => "discovery",
            Self::Canceled => "canceled",
            Self::NoUsableKey(_) => "no_usable_key",
            Self::NotAKeySet => "not_a_key_set",
            Self::Status(_) => "status",
            Self::Transport(_) => "transport",
        }
    }

    /// Returns whether a later refresh can succeed without a change of the configuration. Permanent
    /// errors are:
    ///
    /// - a discovery document that contradicts the configuration,
    /// - a key set with entries, but without a usable key (an empty key set is a temporary error,
    ///   because the issuer can publish its first key later),
    /// - the permanent errors of the transport, such as an untrusted certificate.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Discovery(DiscoveryError::IssuerMismatch { .. } | DiscoveryError::JwksUriNotAllowed) => {
                false
            }
            Self::NoUsableKey(SkippedKeys(skipped)) => skipped.is_empty(),
            _ => self.transport().is_none_or(TransportError::is_transient),
        }
    }

    /// Returns whether the server sent an HTTP response that is not a key set. In that
    /// case, the keys may be at the other JWKS URL that Passport documents.
    pub(super) fn is_response(&self) -> bool {
        match self {
            Self::NotAKeySet | Self::Status(_) => true,
            Self::Transport(error) => error.kind().is_response(),
            _ => false,
        }
    }

    /// Returns whether the keys are possibly at another URL: the server sent a response that is not
    /// a key set. Returns `false` for a status that indicates an outage of the server.
    pub(super) fn is_wrong_location(&self) -> bool {
        match self {
            Self::Status(status) => !is_outage(*status),
            error => error.is_response(),
        }
    }

    /// Returns the error of the HTTP request if that error is the cause, otherwise `None`.
    fn transport(&self) -> Option<&TransportError> {
        match self {
            Self::Discovery(DiscoveryError::Transport(error)) | Self::Transport(error) => Some(error),
            _ => None,
        }
    }
}

/// Returns whether a status indicates an outage of the server, and not a wrong URL.
fn is_outage(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// A skipped entry of a key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SkippedKey {
    /// The index of the entry in the key set.
    pub(crate) position: usize,
    /// The `kid` of the entry. `None` if the entry has no `kid`.
    pub(crate) kid: Option<String>,
    pub(crate) why: UnusableKey,
    /// A hash of the entry, with which the log recognizes an entry that was logged before.
    pub(crate) hash: u64,
}

/// The skipped entries of a key set without a usable key.
#[derive(Debug)]
pub(crate) struct SkippedKeys(pub(crate) Vec<SkippedKey>);

/// Lists the first entries, each with its reason, and the number of the other entries.
impl fmt::Display for SkippedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the list of keys is empty");
        }
        for (number, SkippedKey { position, kid, why, .. }) in self.0.iter().take(MAX_NAMED).enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            match kid.as_deref().map(Quoted) {
                Some(kid) => write!(f, "{separator}key {position} (kid {kid:?}): {why}")?,
                None => write!(f, "{separator}key {position}: {why}")?,
            }
        }
        match self.0.len().saturating_sub(MAX_NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// An error of the JWKS cache file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JwksCacheFileError {
    #[error("reading or writing the file took longer than 1 s")]
    TimedOut,
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    #[error("the cached keys are older than jwks_max_stale, or from the future")]
    Untrusted,
    #[error("the file has no usable key")]
    NoUsableKey,
    #[error("the file has the keys of another issuer: set a jwks_cache_file for each issuer")]
    OtherIssuer,
    #[error("not a JWKS cache file: check the path in jwks_cache_file; if it is correct, delete the file")]
    InvalidContent,
}
