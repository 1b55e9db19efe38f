use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
};

use passport_core::{ResolvedSecret, Secret, SecretError, SecretErrorKind, SecretProvider, SecretRef};
use tokio::time::advance;

use super::*;

/// A provider that returns the stored result. If nothing is stored, a read does not end.
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

async fn has_text(token: &CallerCredential, text: &str) -> bool {
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
        let token = CallerCredential::new(SecretSource::new(file.clone(), "file:/token".parse().unwrap()));
        assert!(has_text(&token, "first").await);
        file.set(revoked);
        assert!(has_text(&token, "first").await, "read once a second");
        advance(MAX_AGE).await;
        let begin = Instant::now();
        assert!(!has_text(&token, "first").await, "{revoked:?}");
        assert!(begin.elapsed() <= READ_TIMEOUT, "{revoked:?}");
        file.set(Some(Ok("first")));
        advance(MAX_AGE).await;
        assert!(has_text(&token, "first").await, "{revoked:?}");
    }
}
