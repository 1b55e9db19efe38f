//! Support for `reqwest::Client`.

use http::{Extensions, HeaderMap, Method, StatusCode};

use crate::attach::{
    BufferedBody, OutboundRequest, OutboundResponse, RetryBuffered, RetryCloned, RetryMode,
    destination::{Destination, destination_of},
    request::sealed::RequestParts,
    response::sealed::ResponseHead,
    retry_body::Recording,
    retry_mode::sealed::SaveRequest,
};

impl OutboundRequest for reqwest::Request {}

impl RequestParts for reqwest::Request {
    fn method(&self) -> &Method {
        self.method()
    }

    fn scheme_and_authority(&self) -> Option<(&str, &str)> {
        Some((self.url().scheme(), self.url().authority()))
    }

    fn destination(&self) -> Destination<'_> {
        destination_of(self.url())
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    /// Returns `None`, because reqwest does not expose the extensions of a request.
    fn extensions(&self) -> Option<&Extensions> {
        None
    }
}

impl OutboundResponse for reqwest::Response {}

impl ResponseHead for reqwest::Response {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn final_destination(&self) -> Option<Destination<'_>> {
        Some(destination_of(self.url()))
    }
}

impl RetryMode<reqwest::Request> for RetryCloned {}

impl SaveRequest<reqwest::Request> for RetryCloned {
    type Saved = reqwest::Request;

    fn save(&self, request: reqwest::Request) -> (reqwest::Request, Option<reqwest::Request>) {
        let saved = request.try_clone();
        (request, saved)
    }

    fn restore(&self, saved: reqwest::Request) -> Option<reqwest::Request> {
        Some(saved)
    }
}

impl<F> RetryMode<reqwest::Request> for RetryBuffered<F> where
    F: Fn(BufferedBody<reqwest::Body>) -> reqwest::Body + Clone
{
}

impl<F> SaveRequest<reqwest::Request> for RetryBuffered<F>
where
    F: Fn(BufferedBody<reqwest::Body>) -> reqwest::Body + Clone,
{
    type Saved = (reqwest::Request, Option<Recording<reqwest::Body>>);

    fn save(&self, mut request: reqwest::Request) -> (reqwest::Request, Option<Self::Saved>) {
        // If reqwest can clone the body, the body is not wrapped. With a wrapped body, reqwest
        // could not follow redirects with the status 307 or 308.
        if let Some(copy) = request.try_clone() {
            return (request, Some((copy, None)));
        }
        let body = request.body_mut().take().map(|body| BufferedBody::recording(body, self.max_bytes));
        let Some(copy) = request.try_clone() else { return (request, None) };
        let (body, recording) = body.unzip();
        (with_body(request, body.map(&self.wrap)), Some((copy, recording)))
    }

    fn restore(&self, (request, recording): Self::Saved) -> Option<reqwest::Request> {
        let Some(recording) = recording else { return Some(request) };
        Some(with_body(request, Some((self.wrap)(recording.into_body()?))))
    }
}

fn with_body(mut request: reqwest::Request, body: Option<reqwest::Body>) -> reqwest::Request {
    *request.body_mut() = body;
    request
}
