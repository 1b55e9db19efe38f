//! Support for clients that use the crate `http`: hyper, tonic, tower-http.

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, request};
use http_body::Body;

use crate::attach::{
    BufferedBody, OutboundRequest, OutboundResponse, RetryBuffered, RetryCloned, RetryMode,
    destination::{Destination, host_and_port},
    error::BoxError,
    request::sealed::RequestParts,
    response::sealed::ResponseHead,
    retry_body::Recording,
    retry_mode::sealed::SaveRequest,
};

impl<B> OutboundRequest for Request<B> {}

impl<B> RequestParts for Request<B> {
    fn method(&self) -> &Method {
        self.method()
    }

    fn scheme_and_authority(&self) -> Option<(&str, &str)> {
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

impl<B> OutboundResponse for Response<B> {}

impl<B> ResponseHead for Response<B> {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn final_destination(&self) -> Option<Destination<'_>> {
        None
    }
}

// `do_not_recommend` makes rustc show the diagnostic of `RetryMode` instead of the unsatisfied
// bound `B: Clone`.
#[diagnostic::do_not_recommend]
impl<B: Clone> RetryMode<Request<B>> for RetryCloned {}

#[diagnostic::do_not_recommend]
impl<B: Clone> SaveRequest<Request<B>> for RetryCloned {
    type Saved = Request<B>;

    fn save(&self, request: Request<B>) -> (Request<B>, Option<Request<B>>) {
        let saved = request.clone();
        (request, Some(saved))
    }

    fn restore(&self, saved: Request<B>) -> Option<Request<B>> {
        Some(saved)
    }
}

#[diagnostic::do_not_recommend]
impl<B, F> RetryMode<Request<B>> for RetryBuffered<F>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
    F: Fn(BufferedBody<B>) -> B + Clone,
{
}

#[diagnostic::do_not_recommend]
impl<B, F> SaveRequest<Request<B>> for RetryBuffered<F>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
    F: Fn(BufferedBody<B>) -> B + Clone,
{
    type Saved = (request::Parts, Recording<B>);

    fn save(&self, request: Request<B>) -> (Request<B>, Option<Self::Saved>) {
        let (parts, body) = request.into_parts();
        let (body, recording) = BufferedBody::recording(body, self.max_bytes);
        let saved = (parts.clone(), recording);
        (Request::from_parts(parts, (self.wrap)(body)), Some(saved))
    }

    fn restore(&self, (parts, recording): Self::Saved) -> Option<Request<B>> {
        Some(Request::from_parts(parts, (self.wrap)(recording.into_body()?)))
    }
}
