//! The token that identifies a client on TCP as a caller. The token is read from its file or
//! variable again when the last read is too old, so that a changed token takes effect without a
//! restart.

use std::time::Duration;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use passport_core::{SecretSource, with_causes};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::metrics::TARGET;

/// How long a caller token is used before the token is read again. The time is short, so that a
/// revoked token is soon rejected.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The time limit of reading a caller token. The limit is short, because requests on TCP wait
/// until the token is read.
const READ_TIMEOUT: Duration = Duration::from_millis(500);

/// A token that identifies a client as a caller. The token fails closed: it identifies no client
/// while it cannot be read, is empty or contains a control character. Otherwise the token of a
/// revoked caller would stay valid. In contrast, a secret of the sidecar itself stays in use
/// while the secret cannot be read.
#[derive(Debug)]
pub(crate) struct CallerCredential {
    source: SecretSource,
    /// The result of the last read. The mutex is locked during a read, so that concurrent requests
    /// share one read.
    last: Mutex<Option<TokenRead>>,
}

#[derive(Clone, Copy, Debug)]
struct TokenRead {
    at: Instant,
    /// The hash of the token, or `None` if the token could not be read or is malformed.
    token: Option<Digest>,
}

impl CallerCredential {
    /// Creates a credential without reading the token. The token is read from `source` when the
    /// first request needs it.
    pub(crate) fn new(source: SecretSource) -> Self {
        Self { source, last: Mutex::new(None) }
    }

    /// Returns the hash of the token, or `None` if the token cannot be read or is malformed. Reads
    /// the token again if the last read is older than [`MAX_AGE`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the next request starts another read of the token.
    pub(crate) async fn hash(&self) -> Option<Digest> {
        let mut last = self.last.lock().await;
        if let Some(read) = last.filter(|read| read.at.elapsed() < MAX_AGE) {
            return read.token;
        }
        // Boxed, because this is rare and would enlarge the future of each request.
        let token = Box::pin(self.read()).await;
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

/// Returns the SHA-256 of a caller token. All hashes have the same length, so that the time of a
/// comparison does not reveal the length of the token.
pub(crate) fn sha256(token: &str) -> Digest {
    digest(&SHA256, token.as_bytes())
}

#[cfg(test)]
mod tests;
