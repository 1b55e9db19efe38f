use std::{error::Error, sync::Arc};

/// A store that did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the token store failed: {problem}")]
pub struct StoreError {
    problem: &'static str,
    #[source]
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// What went wrong and what to do, in a fixed text: it is logged.
    #[must_use]
    pub fn new(problem: &'static str) -> Self {
        Self { problem, source: None }
    }

    /// The same, with what caused it. Mind that the cause is logged: it must not hold a token.
    #[must_use]
    pub fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }
}
