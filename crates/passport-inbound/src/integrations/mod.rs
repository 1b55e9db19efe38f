//! Integrations with frameworks: extractors and a router for axum, an extension trait for tonic.

#[cfg(feature = "axum")]
pub(crate) mod axum;
#[cfg(feature = "axum")]
mod event_router;
#[cfg(feature = "axum")]
mod router;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;
