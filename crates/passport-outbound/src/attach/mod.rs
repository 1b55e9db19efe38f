//! The middleware that attaches a token to each request.
//!
//! 1. A request to an origin that is not allowed is rejected, and one whose URI contains user
//!    information, or whose `Host` header names another host.
//! 2. A request with an `Authorization` header is rejected, unless the layer says what to do with
//!    it.
//! 3. The identity returns the token. If there is none yet, the future waits for it.
//! 4. The header is set, marked sensitive, and the inner service called.
//! 5. When a response rejects the token, the identity replaces exactly the token that was sent,
//!    once for all requests, and not if it is so young that the next would be rejected as well. A
//!    saved request is sent a second time. Without one, or without another token, the rejection is
//!    the response.
//!
//! The token is taken in `call`, never in `poll_ready`: a token failure must not look like a broken
//! service to a balancer or a buffer.

mod allowed_origins;
mod base_url;
mod clients;
mod destination;
mod error;
mod future;
mod host_header;
mod layer;
mod policy;
mod request;
mod response;
mod response_watch;
mod retry;
mod retry_body;
mod retry_mode;
mod send;
mod service;
mod token_rejection;

pub use self::{
    allowed_origins::AllowedOrigins,
    error::AttachError,
    future::AttachTokenFuture,
    layer::AttachTokenLayer,
    policy::ExistingAuthorization,
    request::OutboundRequest,
    response::OutboundResponse,
    response_watch::WatchedBody,
    retry_body::BufferedBody,
    retry_mode::{BufferBody, CloneRequest, NoRetry, RetryMode},
    service::AttachToken,
};
#[cfg(feature = "reqwest")]
pub(crate) use self::{
    allowed_origins::PLAIN_HTTP,
    base_url::base_url,
    destination::{Destination, destination_of},
    error::{BoxError, CallError},
};

#[cfg(test)]
mod tests;
