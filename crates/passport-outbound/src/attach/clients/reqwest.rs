//! What the layer needs to stand around a `reqwest::Client`.

use http::{Extensions, HeaderMap, StatusCode};

use crate::attach::{
    BufferBody, BufferedBody, CloneRequest, Destination, OutboundRequest, OutboundResponse, Replay,
    request::{destination_of, sealed::Parts},
    response::sealed::Head,
    response_watch::Watch,
    retry::sealed::Keep,
    retry_body::Recording,
};

impl OutboundRequest for reqwest::Request {}

impl Parts for reqwest::Request {
    fn spelled(&self) -> Option<(&str, &str)> {
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

    /// reqwest shows them to nobody.
    fn extensions(&self) -> Option<&Extensions> {
        None
    }
}

impl OutboundResponse for reqwest::Response {}

impl Head for reqwest::Response {
    type Watched = Self;

    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn answered_by(&self) -> Option<Destination<'_>> {
        Some(destination_of(self.url()))
    }

    fn watched(self, _: Option<Watch>) -> Self {
        self
    }
}

impl Replay<reqwest::Request> for CloneRequest {}

impl Keep<reqwest::Request> for CloneRequest {
    type Kept = reqwest::Request;

    fn keep(&self, request: reqwest::Request) -> (reqwest::Request, Option<reqwest::Request>) {
        let kept = request.try_clone();
        (request, kept)
    }

    fn restore(&self, kept: reqwest::Request) -> Option<reqwest::Request> {
        Some(kept)
    }
}

impl<F> Replay<reqwest::Request> for BufferBody<F> where
    F: Fn(BufferedBody<reqwest::Body>) -> reqwest::Body + Clone
{
}

impl<F> Keep<reqwest::Request> for BufferBody<F>
where
    F: Fn(BufferedBody<reqwest::Body>) -> reqwest::Body + Clone,
{
    type Kept = (reqwest::Request, Option<Recording<reqwest::Body>>);

    fn keep(&self, mut request: reqwest::Request) -> (reqwest::Request, Option<Self::Kept>) {
        // What reqwest can clone stays what it is: for redirects with 307 and 308 it has to.
        if let Some(copy) = request.try_clone() {
            return (request, Some((copy, None)));
        }
        let body = request.body_mut().take().map(|body| BufferedBody::recording(body, self.max_bytes));
        let Some(copy) = request.try_clone() else { return (request, None) };
        let (body, recording) = body.unzip();
        (with_body(request, body.map(&self.wrap)), Some((copy, recording)))
    }

    fn restore(&self, (request, recording): Self::Kept) -> Option<reqwest::Request> {
        let Some(recording) = recording else { return Some(request) };
        Some(with_body(request, Some((self.wrap)(recording.again()?))))
    }
}

fn with_body(mut request: reqwest::Request, body: Option<reqwest::Body>) -> reqwest::Request {
    *request.body_mut() = body;
    request
}
