//! The middleware that attaches a token to each request. It processes a request in this order:
//!
//! 1. A request is rejected in these cases ([`AllowedOrigins`], `host_header`): its origin is
//!    not allowed, its URI contains user information, or its `Host` header names another host.
//! 2. A request with an `Authorization` header is rejected, unless [`ExistingAuthorization`]
//!    permits the header (`policy`).
//! 3. The identity returns the cached token. If no valid token is cached, the request waits for
//!    a token fetch, which all requests with the same identity share (`service`, `future`).
//! 4. The `Authorization` header is set and marked sensitive, and the inner service is called
//!    (`send`).
//! 5. If a response rejects the token, the identity replaces exactly the token that was sent. It
//!    is replaced once for all requests that were sent with it. A token that is only seconds old
//!    is not replaced, because a new one would probably be rejected as well (`token_rejection`,
//!    `response_watch`).
//! 6. If the retry is enabled and a new token can be fetched, the saved request is sent a second
//!    time, with the new token. Otherwise, the response that rejects the token is returned
//!    (`retry`).
//!
//! A caller's token is forwarded unchanged. For such a request, steps 3, 5 and 6 do not apply.
//!
//! The token is read in `call`, never in `poll_ready`. If `poll_ready` failed because of the
//! token, a balancer or a buffer would treat the inner service as broken.

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
mod slow_state;
mod state;
mod token_rejection;
mod trailer_mode;

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
    trailer_mode::{IgnoreTrailers, TrailerMode, WatchTrailers},
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
