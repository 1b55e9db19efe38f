//! The bodies that can hold the body of a rejection.

use bytes::Bytes;
use http_body_util::{
    BodyExt, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};

/// A response body that can also hold the body of a rejection.
///
/// The layers do not change the type of a response: a request that is not rejected gets the
/// response of the inner service as it is, and a rejection has a body of the same type. Therefore
/// the body of the inner service must implement this trait. It is implemented for:
///
/// - `axum::body::Body` (feature `axum`) and `tonic::body::Body` (feature `tonic`);
/// - `Full<Bytes>`, `BoxBody<Bytes, E>` and `UnsyncBoxBody<Bytes, E>` of http-body-util;
/// - [`ResponseBody<B>`](crate::ResponseBody) for any body `B`, such as the body of a proxied
///   response.
///
/// Implement it for a body type of your own:
///
/// ```
/// use bytes::Bytes;
/// use passport_inbound::RejectionBody;
///
/// enum ApiBody {
///     Text(Bytes),
///     File(std::fs::File),
/// }
///
/// impl RejectionBody for ApiBody {
///     fn from_rejection(content: Bytes) -> Self {
///         Self::Text(content)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold the body of a rejection",
    label = "the layer returns rejections as responses with the body `{Self}`",
    note = "enable the feature `axum` of passport-inbound for `axum::body::Body`, and `tonic` for `tonic::body::Body`",
    note = "implement `passport_inbound::RejectionBody` if `{Self}` is a type of your own",
    note = "otherwise wrap the body, inside the layer: `.map_response(|response: Response<_>| response.map(ResponseBody::new))`"
)]
pub trait RejectionBody {
    /// Creates a body with this content, which is empty for a rejection over gRPC.
    fn from_rejection(content: Bytes) -> Self;
}

impl RejectionBody for Full<Bytes> {
    fn from_rejection(content: Bytes) -> Self {
        Self::new(content)
    }
}

impl<E: 'static> RejectionBody for BoxBody<Bytes, E> {
    fn from_rejection(content: Bytes) -> Self {
        Full::new(content).map_err(|infallible| match infallible {}).boxed()
    }
}

impl<E: 'static> RejectionBody for UnsyncBoxBody<Bytes, E> {
    fn from_rejection(content: Bytes) -> Self {
        Full::new(content).map_err(|infallible| match infallible {}).boxed_unsync()
    }
}

#[cfg(feature = "axum")]
impl RejectionBody for axum_core::body::Body {
    fn from_rejection(content: Bytes) -> Self {
        Self::from(content)
    }
}

#[cfg(feature = "tonic")]
impl RejectionBody for tonic::body::Body {
    fn from_rejection(content: Bytes) -> Self {
        Self::new(Full::new(content))
    }
}

#[cfg(test)]
mod tests;
