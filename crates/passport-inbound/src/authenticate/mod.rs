//! The middleware that lets only requests with a good token through.
//!
//! 1. The token is taken from the `Authorization` header, and from nowhere else unless the layer was told to.
//! 2. If the token is known, or its key is and it is its turn, everything is decided in `call`: no await, no boxed future.
//! 3. If not, the future waits for the one refresh that all requests share, or for its turn.
//! 4. Who calls goes into the request's extensions, in the place of whatever was there; the header is marked sensitive, and the inner service is called.

pub(crate) mod bearer;
mod config;
mod extensions;
mod future;
mod layer;
mod public_paths;
mod service;
mod token_source;

pub use self::{future::AuthenticateFuture, layer::AuthenticateLayer, service::Authenticate};

#[cfg(test)]
mod tests;
