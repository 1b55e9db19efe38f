//! The token of a caller, which is read again from its file or variable.

use std::time::Duration;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use passport_core::{SecretSource, with_causes};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::metrics::TARGET;

/// How long a token is used after it was read. It is short, so that a revoked token is soon
/// rejected.
const FRESH: Duration = Duration::from_secs(1);

/// Limits the time of a read, because requests on TCP wait for it.
const READ_TIMEOUT: Duration = Duration::from_millis(500);

/// A token that authenticates a caller. It fails closed: while it cannot be read, is empty or
/// malformed, it authenticates no request. Otherwise the token of a revoked caller would stay
/// valid. Secrets of the sidecar itself stay in use in such a case.
#[derive(Debug)]
pub(crate) struct CallerCredential {
    source: SecretSource,
    /// The last read. Locked during a read, so that concurrent requests share it.
    last: Mutex<Option<TokenRead>>,
}

#[derive(Clone, Copy, Debug)]
struct TokenRead {
    at: Instant,
    /// The hash of the token, or `None` if it is not usable.
    token: Option<Digest>,
}

impl CallerCredential {
    /// Creates a credential that is read from `source` when it is first needed.
    pub(crate) fn new(source: SecretSource) -> Self {
        Self { source, last: Mutex::new(None) }
    }

    /// Returns the hash of the token, or `None` if it is not usable.
    ///
    /// # Cancel safety
    /// If the future is dropped, the next request starts another read.
    pub(crate) async fn hash(&self) -> Option<Digest> {
        let mut last = self.last.lock().await;
        if let Some(read) = last.filter(|read| read.at.elapsed() < FRESH) {
            return read.token;
        }
        let token = self.read().await;
        let reference = self.source.reference();
        let was_usable = last.is_none_or(|read| read.token.is_some());
        match &token {
            Err(reason) if was_usable => {
                tracing::warn!(target: TARGET, %reference, reason, "caller token unusable, rejecting its requests");
            }
            Ok(_) if !was_usable => tracing::info!(target: TARGET, %reference, "caller token usable again"),
            _ => {}
        }
        let token = token.ok();
        *last = Some(TokenRead { at: Instant::now(), token });
        token
    }

    async fn read(&self) -> Result<Digest, String> {
        let read = timeout(READ_TIMEOUT, self.source.resolve()).await;
        let read = read.map_err(|_| format!("timed out after {} ms", READ_TIMEOUT.as_millis()))?;
        let token = read.map_err(|error| with_causes(&error))?;
        let token = token.secret().expose();
        if token.chars().any(char::is_control) {
            return Err("contains a line break or another control character".to_owned());
        }
        Ok(sha256(token))
    }
}

/// Returns the hash of a token. All hashes have the same length, so that the time of a
/// comparison does not reveal the length of the token.
pub(crate) fn sha256(token: &str) -> Digest {
    digest(&SHA256, token.as_bytes())
}

#[cfg(test)]
mod tests;
