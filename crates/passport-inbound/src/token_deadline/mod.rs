//! Middleware that ends response bodies when the caller's token expires.
//!
//! 1. The layer is inside of an [`AuthenticateLayer`](crate::AuthenticateLayer), around routes that
//!    stream. Without one, requests are rejected with 500.
//! 2. A body of known length, and the body of a request without a caller, is forwarded as it is.
//! 3. Any other body is forwarded frame by frame until the token has expired: then a gRPC stream
//!    ends with `UNAUTHENTICATED`, a stream of server-sent events ends, and any other body fails,
//!    as a part must not pass for the whole.
//! 4. A timer is only created while a body has no frame ready.

mod body;
mod deadline;
mod future;
mod layer;
mod service;

pub use self::{
    body::DeadlineBody, future::TokenDeadlineFuture, layer::TokenDeadlineLayer, service::TokenDeadline,
};

#[cfg(test)]
mod tests;
