//! Integrations with frameworks: extractors for axum, an extension trait for tonic.

#[cfg(feature = "axum")]
pub(crate) mod axum;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;
