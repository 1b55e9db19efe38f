use http::{HeaderMap, Request};

/// A request that a token can be attached to: `http::Request<B>` (hyper, tonic, tower-http) and `reqwest::Request`.
///
/// Sealed: these two are all there is, and more can be added.
pub trait OutboundRequest: sealed::Parts {}

impl<B> OutboundRequest for Request<B> {}
impl OutboundRequest for reqwest::Request {}

pub(crate) mod sealed {
    use super::{HeaderMap, Request};

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
        /// A form that a request for a resource does not have (`*`, `host:port`).
        Unclear,
    }

    impl<B> Parts for Request<B> {
        fn destination(&self) -> Destination<'_> {
            let uri = self.uri();
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
            let url = self.url();
            url.host_str().map_or(Destination::Unclear, |host| Destination::Absolute {
                scheme: url.scheme(),
                host,
                port: url.port(),
            })
        }

        fn headers_mut(&mut self) -> &mut HeaderMap {
            self.headers_mut()
        }
    }
}
