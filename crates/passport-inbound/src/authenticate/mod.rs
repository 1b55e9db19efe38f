//! The middleware that lets only requests with a good token through.
//!
//! 1. The token is taken from the `Authorization` header and from nowhere else.
//! 2. If the token's key is known, everything is decided at once, in `call`: no await, no boxed future.
//! 3. If not, the future waits for the one refresh that all requests share.
//! 4. Who calls goes into the request's extensions, in the place of whatever was there; the header is marked sensitive, and the inner service is called.

mod future;
mod layer;
mod service;

pub use self::{future::AuthenticateFuture, layer::AuthenticateLayer, service::Authenticate};

#[cfg(test)]
mod tests;
