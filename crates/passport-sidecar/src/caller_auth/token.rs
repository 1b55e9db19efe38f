//! The token of a caller, read again from its file or variable.

use std::time::Duration;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use passport_core::{SecretSource, with_causes};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::metrics::TARGET;

/// How long a token is trusted after it was read, as each request is compared with it.
const FRESH: Duration = Duration::from_secs(1);

/// How long a read may take. Requests on TCP wait for it.
const READ_TIME: Duration = Duration::from_millis(500);

/// A token that authenticates a caller. It fails closed: while it cannot be read, is empty or
/// malformed, no request is authenticated by it. A secret that authenticates the sidecar itself
/// stays in use in such a case; with this one a revoked caller would be admitted.
#[derive(Debug)]
pub(crate) struct CallerCredential {
    source: SecretSource,
    /// Held during a read, so that all requests wait for one.
    last: Mutex<Option<TokenRead>>,
}

#[derive(Clone, Copy, Debug)]
struct TokenRead {
    at: Instant,
    /// Its hash, or `None` if it could not be read.
    token: Option<Digest>,
}

impl CallerCredential {
    pub(crate) fn new(source: SecretSource) -> Self {
        Self { source, last: Mutex::new(None) }
    }

    /// Returns the hash of the token, or `None` if it is not usable.
    ///
    /// # Cancel safety
    /// A read that is dropped is begun again by the next request.
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
                tracing::warn!(target: TARGET, %reference, reason, "caller token unusable: its requests are refused");
            }
            Ok(_) if !was_usable => tracing::info!(target: TARGET, %reference, "caller token usable again"),
            _ => {}
        }
        let token = token.ok();
        *last = Some(TokenRead { at: Instant::now(), token });
        token
    }

    async fn read(&self) -> Result<Digest, String> {
        let read = timeout(READ_TIME, self.source.resolve()).await;
        let read = read.map_err(|_| "it was not read in time".to_owned())?;
        let token = read.map_err(|error| with_causes(&error))?;
        let token = token.secret().expose();
        if token.chars().any(char::is_control) {
            return Err("it has a line break or another control character inside".to_owned());
        }
        Ok(sha256(token))
    }
}

/// Returns the hash of a token. Hashes have one length, so that the time of a comparison does not
/// reveal that of the token.
pub(crate) fn sha256(token: &str) -> Digest {
    digest(&SHA256, token.as_bytes())
}

#[cfg(test)]
mod tests;
