//! The floor: a constant token, attached by tower-http. Nothing is fetched and nothing expires.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header::AUTHORIZATION};
use tower::{Layer, Service, service_fn};
use tower_http::set_header::SetRequestHeaderLayer;

use super::{Contender, Receiver, TokenEndpoint};
use crate::subject::Subject;

const TOKEN: &str = "constant";

/// A constant header instead of a token.
#[derive(Debug)]
pub struct StaticHeader;

impl Contender for StaticHeader {
    const NAME: &'static str = "static header";
    const LIFETIME: Duration = Duration::from_secs(3600); // not used

    async fn attach(_: &TokenEndpoint) -> Subject {
        let layer = SetRequestHeaderLayer::overriding(
            AUTHORIZATION,
            HeaderValue::try_from(format!("Bearer {TOKEN:0>870}")).expect("it is visible ASCII"),
        );
        // The layer and the receiver accept any body, so the type of the body must be named.
        Subject::new(layer.layer(service_fn(|request: Request<Bytes>| Receiver.call(request))))
    }
}
