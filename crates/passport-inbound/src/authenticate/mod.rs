//! Middleware that authenticates requests by their bearer token.
//!
//! 1. A request for a [public path](AuthenticateLayer::public_paths) or a [CORS
//!    preflight](AuthenticateLayer::allow_preflight) is forwarded without authentication, if the
//!    layer is configured for it.
//! 2. The token is read from the `Authorization` header. If the layer is configured for it, the
//!    token is also read from a cookie or the query. Two `Authorization` headers, or a token
//!    both in the header and in the query, are rejected. A request without a token is rejected,
//!    unless the layer is [`optional`](AuthenticateLayer::optional).
//! 3. A cached token is verified in `call`, without an await and without a boxed future. A new
//!    token with a known key is also verified in `call`, if a verification permit is free.
//! 4. In all other cases, the future waits for a verification permit, or for the JWKS refresh
//!    that all requests share. It waits for 2 s at most.
//! 5. The verified caller replaces any [`IdInfo`](crate::IdInfo) in the request's extensions.
//!    The header values that contain the token are marked as sensitive.
//! 6. If the layer has a [requirement](AuthenticateLayer::require), the caller must meet it.
//! 7. A rejected request never reaches the inner service. The response is 401 with a challenge,
//!    403, or 503 with `Retry-After`. The [`Rejection`](crate::Rejection) is in the extensions
//!    of the response.
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
