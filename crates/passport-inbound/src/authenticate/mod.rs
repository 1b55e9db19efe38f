//! Middleware that authenticates requests by their bearer token.
//!
//! 1. A request for a [public path](AuthenticateLayer::public_paths) is forwarded without
//!    authentication, and so is a [CORS preflight](AuthenticateLayer::allow_preflight), if the
//!    layer is configured for it.
//! 2. The token is read from the `Authorization` header. It is read from a cookie or the query
//!    only if the layer is configured for it. Two `Authorization` headers, or a token both in
//!    the header and in the query, are rejected. A request without a token is rejected, unless
//!    the layer is [`optional`](AuthenticateLayer::optional).
//! 3. A cached token is verified in `call`, without an await and without a boxed future. So is a
//!    new token with a known key, if a verification permit is free.
//! 4. Otherwise the future waits for a permit, or for the JWKS refresh that all requests share;
//!    2 s at most.
//! 5. The verified caller replaces any [`IdInfo`](crate::IdInfo) in the request's extensions.
//!    The header values that have the token are marked as sensitive.
//! 6. If the layer has a [requirement](AuthenticateLayer::require), the caller must meet it.
//! 7. A rejected request never reaches the inner service. The response is 401 with a challenge,
//!    403, or 503 with `Retry-After`. The [`Rejection`](crate::Rejection) is in its extensions.
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
