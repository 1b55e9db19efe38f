use http::{Extensions, HeaderMap, Method, Uri};

use crate::request_path::routed_path;

/// The head of a request, for a check of your own.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URI, as the layer sees it: in axum, below a `nest`, without its prefix.
    pub uri: &'a Uri,
    /// The headers. They do not identify the caller.
    pub headers: &'a HeaderMap,
    /// The extensions.
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

    /// Returns the whole path that was routed, with the prefix of an axum `nest`.
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
