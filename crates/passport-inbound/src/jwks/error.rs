//! Errors of fetching keys and of the key file, and the keys of a set that are not used.

use std::{fmt, io};

use http::StatusCode;
use passport_core::{DiscoveryError, TransportError, TransportErrorKind};

use super::key::UnusableKey;
use crate::untrusted_text::Quoted;

/// The number of skipped keys that an error names.
const MAX_NAMED: usize = 8;

/// The reason why a fetch brought no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFetchError {
    #[error("the JWKS URL could not be discovered: {0}")]
    Discovery(#[from] DiscoveryError),
    #[error("the task that fetched the key set ended without a result")]
    Lost,
    #[error("the key set has no usable key: {0}")]
    NoUsableKey(SkippedKeys),
    #[error(
        "the response is not a key set; check the JWKS URL, and whether a proxy or a sign-in page answers instead"
    )]
    NotAKeySet,
    #[error("the key set was answered with status {0}")]
    Status(StatusCode),
    #[error("the key set could not be read: {0}")]
    Transport(#[from] TransportError),
}

impl KeyFetchError {
    /// Returns the value of the metric label `outcome`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            _ if matches!(self.transport().map(TransportError::kind), Some(TransportErrorKind::Tls(_))) => {
                "tls"
            }
            Self::Discovery(_) => "discovery",
            Self::Lost => "lost",
            Self::NoUsableKey(_) => "no_usable_key",
            Self::NotAKeySet => "not_a_key_set",
            Self::Status(_) => "status",
            Self::Transport(_) => "transport",
        }
    }

    /// Returns whether a later attempt may succeed without a change of the configuration. A
    /// contradiction to the configuration and a certificate that is not trusted are permanent. An
    /// issuer that has no keys yet may have some later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Discovery(DiscoveryError::IssuerMismatch { .. } | DiscoveryError::JwksUriNotAllowed) => {
                false
            }
            Self::NoUsableKey(SkippedKeys(skipped)) => skipped.is_empty(),
            _ => self.transport().is_none_or(TransportError::is_transient),
        }
    }

    /// Returns whether the location responded with something else than a key set.
    pub(super) fn is_response(&self) -> bool {
        match self {
            Self::NotAKeySet | Self::Status(_) => true,
            Self::Transport(error) => error.kind().is_response(),
            _ => false,
        }
    }

    /// Returns whether the keys may be at another location. An outage says nothing of the location.
    pub(super) fn is_about_the_location(&self) -> bool {
        match self {
            Self::Status(status) => !is_outage(*status),
            error => error.is_response(),
        }
    }

    fn transport(&self) -> Option<&TransportError> {
        match self {
            Self::Discovery(DiscoveryError::Transport(error)) | Self::Transport(error) => Some(error),
            _ => None,
        }
    }
}

/// Returns whether a status concerns the server, and not the location.
fn is_outage(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// An entry of a key set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SkippedKey {
    pub(crate) position: usize,
    /// The entry's own `kid`.
    pub(crate) kid: Option<String>,
    pub(crate) why: UnusableKey,
    /// A hash of the entry, so that it is logged once.
    pub(crate) hash: u64,
}

/// The entries of a key set without a usable key.
#[derive(Debug)]
pub(crate) struct SkippedKeys(pub(crate) Vec<SkippedKey>);

/// Names the first few, each with its reason.
impl fmt::Display for SkippedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("it is empty");
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

/// The reason why the key file could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("the key file has not answered in a second")]
    Hangs,
    #[error("the key file cannot be read or written")]
    Io(#[from] io::Error),
    #[error("the keys in the key file are too old, or saved in the future")]
    Untrusted,
    #[error("the key file holds no usable key")]
    NoUsableKey,
    #[error("the key file holds the keys of another issuer")]
    OtherIssuer,
    #[error("the key file does not hold saved keys")]
    Unreadable,
}
