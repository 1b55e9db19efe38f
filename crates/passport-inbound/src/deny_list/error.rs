//! Errors of a deny list.

use std::{error::Error, fmt, io, path::PathBuf, sync::Arc};

use passport_core::with_causes;

/// The error of a deny list that could not be loaded or saved.
///
/// A denial that could not be saved is in effect, but a restart would forget it, or other instances
/// do not know it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DenyListError {
    /// The file cannot be read or written.
    #[error("deny list file {} cannot be used: {error}; check the path and the permissions", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        error: Arc<io::Error>,
    },
    /// The file has another content than a deny list.
    #[error(
        "deny list file {} is invalid at line {line}: restore it, or delete it to start with an empty list",
        path.display()
    )]
    InvalidFile {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, which begins at 1.
        line: usize,
    },
    /// An option is out of range.
    #[error("{0}")]
    Config(passport_core::ConfigProblem),
    /// The store of the fleet failed.
    #[error("{0}")]
    Store(DenyListStoreError),
}

/// The error of a [`DenyListStore`](crate::DenyListStore).
#[derive(Clone)]
pub struct DenyListStoreError(Arc<dyn Error + Send + Sync>);

impl DenyListStoreError {
    /// Creates an error from its cause. The message of the cause must not contain a secret.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into().into())
    }

    /// Creates the error of a call that took too long.
    pub(super) fn timed_out() -> Self {
        Self::new("no response within the time limit")
    }
}

impl fmt::Display for DenyListStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store of the deny list failed: {}", with_causes(&*self.0))
    }
}

/// Prints the message and its causes.
impl fmt::Debug for DenyListStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for DenyListStoreError {}
