//! The middleware that attaches a token to each request.
//!
//! 1. A request that carries an `Authorization` header already is refused: replacing it could turn a user's call into
//!    the service's, keeping it could turn the service's call into a user's.
//! 2. A request to an origin that is not allowed is refused.
//! 3. The token is taken from the identity; if there is none yet, the future waits for it.
//! 4. The header is set, marked sensitive, and the inner service called. Nothing of the response is touched.
//!
//! The token is taken in `call`, never in `poll_ready`: a token failure must not look like a broken service to a
//! balancer or a buffer.

mod error;
mod future;
mod layer;
mod request;
mod service;

pub(crate) use self::request::sealed::Destination;
pub use self::{
    error::AttachError, future::AttachTokenFuture, layer::AttachTokenLayer, request::OutboundRequest,
    service::AttachToken,
};

#[cfg(test)]
mod tests;
