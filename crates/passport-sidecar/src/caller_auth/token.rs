//! The token of a caller, as its file or variable has it now.

use std::time::Duration;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use passport_core::{SecretSource, with_causes};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::metrics::TARGET;

/// How long a token is trusted after it was read. It is compared with each request, and a file is
/// not read for each.
const FRESH: Duration = Duration::from_secs(1);

/// How long a read may take. Requests on TCP wait for it.
const READ_TIME: Duration = Duration::from_millis(500);

/// A token that authenticates a caller. It fails closed: while it cannot be read, is empty or
/// malformed, no request has it. A secret that authenticates the sidecar to others goes on in such
/// a case; this one would let a revoked caller in.
#[derive(Debug)]
pub(crate) struct CallerToken {
    source: SecretSource,
    /// Held during a read, so that all requests wait for one.
    last: Mutex<Option<Read>>,
}

#[derive(Clone, Copy, Debug)]
struct Read {
    at: Instant,
    /// Its hash; none if it could not be read.
    token: Option<Digest>,
}

impl CallerToken {
    pub(crate) fn new(source: SecretSource) -> Self {
        Self { source, last: Mutex::new(None) }
    }

    /// Returns the hash of the token, or none if there is no usable one.
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
        *last = Some(Read { at: Instant::now(), token });
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

/// All hashes are of one length, so that the time of a comparison does not tell how long a token
/// is.
pub(crate) fn sha256(token: &str) -> Digest {
    digest(&SHA256, token.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{Arc, Mutex, PoisonError},
    };

    use passport_core::{ResolvedSecret, Secret, SecretError, SecretErrorKind, SecretProvider, SecretRef};
    use tokio::time::advance;

    use super::*;

    /// What a provider does next. None hangs.
    #[derive(Clone, Debug, Default)]
    struct File(Arc<Mutex<Option<Result<&'static str, SecretErrorKind>>>>);

    impl File {
        fn set(&self, content: Option<Result<&'static str, SecretErrorKind>>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = content;
        }
    }

    impl SecretProvider for File {
        async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
            let content = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match content {
                Some(Ok(text)) => Ok(ResolvedSecret::new(Secret::new(text))),
                Some(Err(kind)) => Err(SecretError::new(kind, reference.clone(), "for the test")),
                None => pending().await,
            }
        }
    }

    async fn is(token: &CallerToken, text: &str) -> bool {
        token.hash().await.is_some_and(|hash| hash.as_ref() == sha256(text).as_ref())
    }

    #[tokio::test(start_paused = true)]
    async fn revoked_caller_token_fails_closed_within_seconds() {
        for revoked in [
            Some(Ok("")),
            Some(Ok(" \n")),
            Some(Ok("first\nsecond")),
            Some(Ok("other")),
            Some(Err(SecretErrorKind::NotFound)),
            Some(Err(SecretErrorKind::Forbidden)),
            Some(Err(SecretErrorKind::Unreadable)),
            Some(Err(SecretErrorKind::Unavailable)),
            None,
        ] {
            let file = File::default();
            file.set(Some(Ok("first")));
            let token = CallerToken::new(SecretSource::new(file.clone(), "file:/token".parse().unwrap()));
            assert!(is(&token, "first").await);
            file.set(revoked);
            assert!(is(&token, "first").await, "read once a second");
            advance(FRESH).await;
            let begin = Instant::now();
            assert!(!is(&token, "first").await, "{revoked:?}");
            assert!(begin.elapsed() <= READ_TIME, "{revoked:?}");
            file.set(Some(Ok("first")));
            advance(FRESH).await;
            assert!(is(&token, "first").await, "{revoked:?}");
        }
    }
}
