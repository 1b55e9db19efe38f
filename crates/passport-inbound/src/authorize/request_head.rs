//! The parts of a request that a requirement can read.

use http::{Extensions, HeaderMap, Method, Uri};

use crate::request_path::routed_path;

/// The head of a request, which is an argument of the closure of
/// [`Requirement::from_fn`](crate::Requirement::from_fn).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// The URI as the layer receives it: below an axum `nest`, without the prefix.
    pub uri: &'a Uri,
    /// The headers of the request. Any client can set any header, so headers do not identify the
    /// caller.
    pub headers: &'a HeaderMap,
    /// The extensions of the request, with those that outer layers have added.
    pub extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    #[cfg(feature = "axum")]
    pub(crate) fn of_parts(parts: &'a http::request::Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
            extensions: &parts.extensions,
        }
    }

    /// Returns the path that the router has matched against its routes, with the prefixes of axum's
    /// `nest`.
    pub(crate) fn routed_path(&self) -> &'a str {
        routed_path(self.uri, self.extensions)
    }

    pub(crate) fn of<B>(request: &'a http::Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}
