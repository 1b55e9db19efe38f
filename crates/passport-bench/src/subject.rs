//! What is measured: a service behind a contender, or a client in front of one, ready to be called.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use http::{HeaderValue, Request, Response, StatusCode, Uri, header::AUTHORIZATION};
use tower::{Service, ServiceExt};

/// Calls to make, one after another.
#[derive(Clone, Debug)]
pub struct Batch {
    pub uri: Uri,
    /// The values of `Authorization`, which take turns; none if the contender is to put one there.
    pub authorizations: Arc<[HeaderValue]>,
    /// Whose turn it is.
    pub first: usize,
    pub calls: usize,
}

/// What the calls of a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub accepted: usize,
    /// Status 401 or 403.
    pub rejected: usize,
    /// Any other status, or an error of the service.
    pub failed: usize,
}

impl Batch {
    /// So many calls by the bearers of these.
    pub fn of(authorizations: Arc<[HeaderValue]>, calls: usize) -> Self {
        Self { uri: Uri::default(), authorizations, first: 0, calls }
    }

    /// The same, without sharing anything in memory.
    #[must_use]
    pub fn apart(&self) -> Self {
        let copied =
            |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).expect("it was one before");
        Self {
            uri: self.uri.to_string().parse().expect("it was one before"),
            authorizations: self.authorizations.iter().map(copied).collect(),
            ..self.clone()
        }
    }

    /// So many calls to `uri`, on which somebody else is to put a token.
    pub fn to(uri: &'static str, calls: usize) -> Self {
        Self { uri: Uri::from_static(uri), authorizations: Arc::new([]), first: 0, calls }
    }
}

type Running = Pin<Box<dyn Future<Output = Tally> + Send>>;

/// Erased for each batch, not for each call, so that the erasure is in nobody's figures.
#[derive(Clone)]
pub struct Subject {
    run: Arc<dyn Fn(Batch) -> Running + Send + Sync>,
    router: Option<axum::Router>,
}

impl Subject {
    /// Around any tower service; an axum router is one.
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

    /// Around an axum router.
    pub fn axum(router: axum::Router) -> Self {
        Self { router: Some(router.clone()), ..Self::new::<_, axum::body::Body, _>(router) }
    }

    /// To be served, if it is one.
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
        tally.count(response.map(|response| response.status()).ok());
    }
    tally
}

impl Tally {
    fn count(&mut self, status: Option<StatusCode>) {
        match status {
            Some(StatusCode::OK) => self.accepted += 1,
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => self.rejected += 1,
            _ => self.failed += 1,
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subject")
    }
}
