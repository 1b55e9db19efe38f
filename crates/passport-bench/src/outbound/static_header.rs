//! The floor: a token that never changes, put there by tower-http. Nothing is fetched and nothing
//! expires.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header::AUTHORIZATION};
use tower::{Layer, Service, service_fn};
use tower_http::set_header::SetRequestHeaderLayer;

use super::{Contender, Receiver, TokenEndpoint};
use crate::subject::Subject;

const TOKEN: &str = "constant";

/// A constant in the place of a token.
#[derive(Debug)]
pub struct StaticHeader;

impl Contender for StaticHeader {
    const NAME: &'static str = "static header";
    const LIFETIME: Duration = Duration::from_secs(3600); // never looked at

    async fn attach(_: &TokenEndpoint) -> Subject {
        let layer = SetRequestHeaderLayer::overriding(
            AUTHORIZATION,
            HeaderValue::try_from(format!("Bearer {TOKEN:0>870}")).expect("it is visible ASCII"),
        );
        // The layer takes any body, as does the receiver: a body has to be named somewhere.
        Subject::new(layer.layer(service_fn(|request: Request<Bytes>| Receiver.call(request))))
    }
}
