use http::{Extensions, HeaderMap, Request, uri::Authority};
use url::Url;

use self::sealed::Destination;

/// A request that a token can be attached to: `http::Request<B>` (hyper, tonic, tower-http) and `reqwest::Request`.
///
/// Sealed: these two are all there is, and more can be added.
#[diagnostic::on_unimplemented(
    message = "a token cannot be attached to a `{Self}`",
    note = "only to `http::Request<_>` and `reqwest::Request`"
)]
pub trait OutboundRequest: sealed::Parts {}

impl<B> OutboundRequest for Request<B> {}

pub(crate) mod sealed {
    use super::{Extensions, HeaderMap, Request, host_and_port};

    /// What the layer needs of a request.
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait Parts {
        /// Scheme and authority, as they are spelled, if there are both.
        fn spelled(&self) -> Option<(&str, &str)>;
        fn destination(&self) -> Destination<'_>;
        fn headers(&self) -> &HeaderMap;
        fn headers_mut(&mut self) -> &mut HeaderMap;
        /// What else goes with it, if that can be seen.
        fn extensions(&self) -> Option<&Extensions>;
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
        fn spelled(&self) -> Option<(&str, &str)> {
            Some((self.uri().scheme_str()?, self.uri().authority()?.as_str()))
        }

        fn destination(&self) -> Destination<'_> {
            let uri = self.uri();
            let Some(authority) = uri.authority() else {
                let is_path = uri.scheme().is_none() && uri.path().starts_with('/');
                return if is_path { Destination::PathOnly } else { Destination::Unclear };
            };
            if authority.as_str().contains('@') {
                return Destination::WithUserInfo;
            }
            match (uri.scheme_str(), host_and_port(authority)) {
                (Some(scheme), Some((host, port))) => Destination::Absolute { scheme, host, port },
                _ => Destination::Unclear,
            }
        }

        fn headers(&self) -> &HeaderMap {
            self.headers()
        }

        fn headers_mut(&mut self) -> &mut HeaderMap {
            self.headers_mut()
        }

        fn extensions(&self) -> Option<&Extensions> {
            Some(self.extensions())
        }
    }
}

/// Returns host and port, if there is nothing else. A port that is not a number is not the default
/// port, whatever a client makes of it.
pub(super) fn host_and_port(authority: &Authority) -> Option<(&str, Option<u16>)> {
    let (host, port) = (authority.host(), authority.port());
    let whole = port.as_ref().map_or(host.len(), |port| host.len() + 1 + port.as_str().len());
    (authority.as_str().len() == whole).then(|| (host, port.map(|port| port.as_u16())))
}

pub(crate) fn destination_of(url: &Url) -> Destination<'_> {
    match url.host_str() {
        _ if !url.username().is_empty() || url.password().is_some() => Destination::WithUserInfo,
        Some(host) => Destination::Absolute { scheme: url.scheme(), host, port: url.port() },
        None => Destination::Unclear,
    }
}
