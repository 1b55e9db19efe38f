//! The error of store calls.

use std::{error::Error, sync::Arc};

/// The error of a call to a [`TokenStore`](super::TokenStore).
#[derive(Clone, Debug, thiserror::Error)]
#[error("token store failed: {problem}")]
pub struct StoreError {
    problem: &'static str,
    #[source]
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// Creates an error with the fixed text `problem`, which is logged. The text should state what
    /// failed and what to do, in lower case.
    #[must_use]
    pub fn new(problem: &'static str) -> Self {
        Self { problem, source: None }
    }

    /// Sets the cause of the error. The cause is logged, so it must not contain a token.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }
}
