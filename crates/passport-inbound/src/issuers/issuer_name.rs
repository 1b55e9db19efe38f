//! The name of a trusted issuer in metrics, logs, health and rejections.

use std::{fmt, sync::Arc};

/// The name of a trusted issuer: the text of
/// [`TrustedIssuer::name`](super::TrustedIssuer::name), or the issuer's URL if no name is
/// configured.
///
/// Only configured names occur, so the number of values of a metric label is bounded. Cheap to
/// clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuerName(Arc<str>);

impl IssuerName {
    pub(crate) fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as the value of a metric label.
    pub(crate) fn label(&self) -> metrics::SharedString {
        metrics::SharedString::from_shared(Arc::clone(&self.0))
    }
}

impl AsRef<str> for IssuerName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for IssuerName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for IssuerName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
