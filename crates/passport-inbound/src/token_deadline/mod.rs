//! The middleware that ends what is still being sent when the caller's token expires.
//!
//! It stands inside of an [`AuthenticateLayer`](crate::AuthenticateLayer), around the routes that stream. Each body that
//! comes out is passed on frame by frame, and ended once the token has expired: a gRPC stream with `UNAUTHENTICATED`, any other
//! by its end. Nothing is set up for a body that has no frame outstanding.

mod body;
mod deadline;
mod future;
mod layer;
mod service;

pub use self::{body::ExpiringBody, future::EndStreamsFuture, layer::EndStreamsLayer, service::EndStreams};

#[cfg(test)]
mod tests;
