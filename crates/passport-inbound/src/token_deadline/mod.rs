//! Middleware that ends response bodies when the caller's token expires.
//!
//! 1. The layer is inside an [`AuthenticateLayer`](crate::AuthenticateLayer), around routes that
//!    stream. Without that layer, every request is rejected with 500.
//! 2. A body of known length is not changed, nor is the body of an anonymous request.
//! 3. The deadline is `exp` plus the clock skew of the verifier.
//! 4. Frames are forwarded until the deadline. Then a gRPC stream ends with `UNAUTHENTICATED` in
//!    its trailers, a stream of server-sent events ends, and any other body fails with an error,
//!    so that a client does not take a truncated body for a complete one.
//! 5. After the deadline, the first frame, trailers and the end of the body are still forwarded,
//!    if they are ready.
//! 6. A timer is created only when the body is pending for the first time.

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
