//! Middleware that authenticates requests by their bearer token.
//!
//! 1. A request for a public path needs no token, nor does a preflight where that is allowed.
//! 2. The token is read from the `Authorization` header, and from a cookie or the query only where
//!    the layer is configured so. Two `Authorization` headers, or a token both in the header and in
//!    the query, are rejected. A request without a token is rejected, unless the layer is
//!    [`optional`](AuthenticateLayer::optional).
//! 3. A token that is cached, or whose key is known while a verification permit is free, is
//!    verified in `call`: without an await and without a boxed future.
//! 4. Otherwise the future waits, 2 s at most, for the one refresh of the keys that all requests
//!    share, or for a permit.
//! 5. The caller replaces any [`IdInfo`](crate::IdInfo) in the request's extensions, and the header
//!    is marked as sensitive.
//! 6. If the layer has a [`requirement`](AuthenticateLayer::require), the caller must meet it.
//! 7. A request that is rejected never reaches the inner service. The response is 401 with a
//!    challenge, 403, or 503 with `Retry-After`; the reason is in its extensions.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, routing::get};
//! use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
//!
//! # fn main() -> Result<(), passport_inbound::ConfigError> {
//! let verifier = TokenVerifier::builder("bizfirstgo-api").build()?;
//! let api: Router = Router::new()
//!     .route("/whoami", get(|caller: IdInfo| async move { caller.user_id().to_owned() }))
//!     .layer(AuthenticateLayer::new(verifier));
//! # let _ = api; Ok(()) } main().unwrap(); }
//! ```

pub(crate) mod bearer;
mod config;
mod credential_rules;
mod extensions;
mod layer;
mod pending_caller;
mod public_paths;
mod service;

pub use self::{layer::AuthenticateLayer, service::Authenticate};
pub use crate::response::future::ResponseFuture as AuthenticateFuture;

#[cfg(test)]
mod tests;
