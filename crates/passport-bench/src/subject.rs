//! A service behind a contender, or a client with a contender, ready to be measured.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tower::{Service, ServiceExt};

/// Calls to make one after another.
#[derive(Clone, Debug)]
pub struct Batch {
    pub uri: Uri,
    /// The values of `Authorization`, which take turns. Empty if the contender attaches the token.
    pub authorizations: Arc<[HeaderValue]>,
    /// The index of the first value.
    pub first: usize,
    pub calls: usize,
}

/// The results of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub accepted: usize,
    /// Status 401 or 403.
    pub rejected: usize,
    /// The rejected calls whose response has a challenge (RFC 6750).
    pub challenged: usize,
    /// Any other status, or an error of the service.
    pub failed: usize,
}

impl Batch {
    /// Returns `calls` calls with these tokens in turn.
    pub fn of(authorizations: Arc<[HeaderValue]>, calls: usize) -> Self {
        Self { uri: Uri::default(), authorizations, first: 0, calls }
    }

    /// Returns an equal batch that shares no memory with this one.
    #[must_use]
    pub fn apart(&self) -> Self {
        let copied =
            |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).expect("the copy is valid");
        Self {
            uri: self.uri.to_string().parse().expect("the copy is valid"),
            authorizations: self.authorizations.iter().map(copied).collect(),
            ..self.clone()
        }
    }

    /// Returns `calls` calls to `uri` for a contender that attaches the token.
    pub fn to(uri: &'static str, calls: usize) -> Self {
        Self { uri: Uri::from_static(uri), authorizations: Arc::new([]), first: 0, calls }
    }
}

type Running = Pin<Box<dyn Future<Output = Tally> + Send>>;

/// A boxed service. The box is called once per batch, not once per call, so that it does not add
/// to the cost of a call.
#[derive(Clone)]
pub struct Subject {
    run: Arc<dyn Fn(Batch) -> Running + Send + Sync>,
    router: Option<axum::Router>,
}

impl Subject {
    /// Wraps any tower service, such as an axum router.
    pub fn new<S, B, R>(service: S) -> Self
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: fmt::Debug + Send,
        B: Default + Send + 'static,
        R: Send + 'static,
    {
        Self { run: Arc::new(move |batch| Box::pin(run(service.clone(), batch))), router: None }
    }

    /// Wraps an axum router, with its handlers turned into services, as `axum::serve` does once
    /// for each connection. Otherwise, the router would do so for each call.
    pub fn axum(router: axum::Router) -> Self {
        let service = router.clone().with_state::<()>(());
        Self { router: Some(router), ..Self::new::<_, axum::body::Body, _>(service) }
    }

    /// Returns the axum router, if it is one, so that it can be served.
    pub fn router(&self) -> Option<axum::Router> {
        self.router.clone()
    }

    pub async fn run(&self, batch: Batch) -> Tally {
        (self.run)(batch).await
    }
}

async fn run<S, B, R>(mut service: S, batch: Batch) -> Tally
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: fmt::Debug,
    B: Default,
{
    let mut tally = Tally::default();
    let mut authorizations = batch.authorizations.iter().cycle().skip(batch.first);
    for _ in 0..batch.calls {
        let mut request = Request::new(B::default());
        *request.uri_mut() = batch.uri.clone();
        if let Some(authorization) = authorizations.next() {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let response = match service.ready().await {
            Ok(service) => service.call(request).await,
            Err(error) => Err(error),
        };
        match response {
            Ok(response) if response.status() == StatusCode::OK => tally.accepted += 1,
            Ok(response) => tally.count_other(response.status(), response.headers()),
            Err(_) => tally.failed += 1,
        }
    }
    tally
}

impl Tally {
    #[cold] // keeps the loop of accepted calls small
    fn count_other(&mut self, status: StatusCode, headers: &HeaderMap) {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.rejected += 1;
                self.challenged += usize::from(headers.contains_key(WWW_AUTHENTICATE));
            }
            _ => self.failed += 1,
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject")
    }
}
