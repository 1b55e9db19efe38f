use http::{HeaderMap, Request};
use url::Url;

use self::sealed::Destination;

/// A request that a token can be attached to: `http::Request<B>` (hyper, tonic, tower-http) and `reqwest::Request`.
///
/// Sealed: these two are all there is, and more can be added.
pub trait OutboundRequest: sealed::Parts {}

impl<B> OutboundRequest for Request<B> {}
impl OutboundRequest for reqwest::Request {}

pub(crate) mod sealed {
    use super::{HeaderMap, Request, destination_of};

    /// What the layer needs of a request.
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait Parts {
        fn destination(&self) -> Destination<'_>;
        fn headers_mut(&mut self) -> &mut HeaderMap;
    }

    /// Where a request says it goes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[expect(unnameable_types, reason = "it stands in a sealed trait")]
    pub enum Destination<'a> {
        /// To this origin. No port means the scheme's default.
        Absolute { scheme: &'a str, host: &'a str, port: Option<u16> },
        /// Only a path: whoever is below knows the rest.
        PathOnly,
        /// It carries a user name or a password.
        WithUserInfo,
        /// A form that a request for a resource does not have (`*`, `host:port`).
        Unclear,
    }

    impl<B> Parts for Request<B> {
        fn destination(&self) -> Destination<'_> {
            let uri = self.uri();
            if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
                return Destination::WithUserInfo;
            }
            match (uri.scheme_str(), uri.host()) {
                (Some(scheme), Some(host)) => Destination::Absolute { scheme, host, port: uri.port_u16() },
                (None, None) if uri.path().starts_with('/') => Destination::PathOnly,
                _ => Destination::Unclear,
            }
        }

        fn headers_mut(&mut self) -> &mut HeaderMap {
            self.headers_mut()
        }
    }

    impl Parts for reqwest::Request {
        fn destination(&self) -> Destination<'_> {
            destination_of(self.url())
        }

        fn headers_mut(&mut self) -> &mut HeaderMap {
            self.headers_mut()
        }
    }
}

pub(super) fn destination_of(url: &Url) -> Destination<'_> {
    match url.host_str() {
        _ if !url.username().is_empty() || url.password().is_some() => Destination::WithUserInfo,
        Some(host) => Destination::Absolute { scheme: url.scheme(), host, port: url.port() },
        None => Destination::Unclear,
    }
}
