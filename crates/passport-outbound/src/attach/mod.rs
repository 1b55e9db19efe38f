//! The middleware that attaches a token to each request. It processes a request in this order:
//!
//! 1. A request is rejected if its origin is not allowed, if its URI contains user information,
//!    or if its `Host` header names another host ([`AllowedOrigins`], `host_header`).
//! 2. A request with an `Authorization` header is rejected, unless [`ExistingAuthorization`]
//!    permits it (`policy`).
//! 3. The identity returns its cached token. If no valid token is cached, the future waits for a
//!    token fetch that all callers share (`service`, `future`).
//! 4. The `Authorization` header is set and marked sensitive, and the inner service is called
//!    (`send`).
//! 5. If a response rejects the token, the identity replaces exactly the token that was sent.
//!    All requests share the replacement. A token that is only seconds old is not replaced: a
//!    new one would be rejected as well (`token_rejection`, `response_watch`).
//! 6. If the retry is enabled, the saved request is then sent a second time, with the new token.
//!    Otherwise, or if no new token can be fetched, the rejection is returned to the caller
//!    (`retry`).
//!
//! A caller's token is forwarded unchanged: steps 5 and 6 do not apply to it.
//!
//! The token is read in `call`, never in `poll_ready`: a balancer or a buffer would treat a
//! token failure as a broken service.

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
    retry_mode::{NoRetry, RetryBuffered, RetryCloned, RetryMode},
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
