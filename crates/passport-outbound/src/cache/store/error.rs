use std::{error::Error, sync::Arc};

/// A failed call to a store.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the token store failed: {problem}")]
pub struct StoreError {
    problem: &'static str,
    #[source]
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// Creates an error with a fixed text, which is logged: what failed and what to do.
    #[must_use]
    pub fn new(problem: &'static str) -> Self {
        Self { problem, source: None }
    }

    /// Adds the cause. It is logged, so it must not contain a token.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }
}
