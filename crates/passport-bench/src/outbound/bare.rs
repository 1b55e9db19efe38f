//! The baseline: a client that attaches no token.

use std::{future::ready, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tower::service_fn;

use super::{Contender, TokenEndpoint};
use crate::subject::Subject;

/// A receiver that accepts requests without a token.
#[derive(Debug)]
pub struct BareClient;

impl Contender for BareClient {
    const NAME: &'static str = "bare client";
    const LIFETIME: Duration = Duration::from_secs(3600); // not used

    async fn attach(_: &TokenEndpoint) -> Subject {
        Subject::new(service_fn(|request: Request<Bytes>| {
            std::hint::black_box(request.headers());
            ready(Ok::<_, std::convert::Infallible>(Response::new(())))
        }))
    }
}
