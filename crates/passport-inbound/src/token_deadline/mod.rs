//! Middleware that ends response bodies when the caller's token expires or is revoked.
//!
//! 1. The layer is inside an [`AuthenticateLayer`](crate::AuthenticateLayer), around routes that
//!    stream. Without an `AuthenticateLayer`, every request is rejected with 500.
//! 2. The response body of an anonymous request and a body of known length have no deadline.
//! 3. The deadline is `exp` plus the clock skew of the verifier, or the moment in which its deny
//!    list denies the caller.
//! 4. Frames are forwarded until the deadline. What happens then depends on the body: a gRPC
//!    stream ends with `UNAUTHENTICATED` in its trailers, and a stream of server-sent events
//!    ends. Any other body fails with an error, so that a client does not treat a truncated body
//!    as complete.
//! 5. Some frames are forwarded even after the deadline, if they are ready: the first frame,
//!    trailers and the end of the body.
//! 6. A timer is created only when the body is pending for the first time.
//! 7. `revocation` is the place where other sources of revocations are added.

mod body;
mod deadline;
mod future;
mod layer;
mod revocation;
mod service;

pub use self::{
    body::DeadlineBody, future::TokenDeadlineFuture, layer::TokenDeadlineLayer, service::TokenDeadline,
};

#[cfg(test)]
mod tests;
