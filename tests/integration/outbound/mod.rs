//! The outbound engine against a Passport over real sockets: herds, outages, refused secrets, refused tokens.

mod herds;
mod outages;
mod refused_secrets;
mod refused_tokens;
mod strategies;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::FutureExt;
use http::{Request, Response};
use passport_dev::DevPassport;
use passport_outbound::{
    AllowedOrigins, AttachToken, AttachTokenLayer, ManagedIdentity, ManualClock, SecretSource,
};
use tower::{Layer, Service};

use crate::support::identity_builder as builder;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Tokens of the dev Passport live for an hour. From here on they are refreshed, from five seconds before the end on no
/// longer sent.
const SOFT: Duration = Duration::from_secs(3545);

fn clock() -> ManualClock {
    ManualClock::at_unix_seconds(1_750_000_000)
}

/// A client whose answers are there at once: what is awaited through it is the token.
#[derive(Clone, Debug)]
struct Instant;

impl Service<Request<()>> for Instant {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

fn instant_client(identity: &ManagedIdentity) -> AttachToken<Instant> {
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
    AttachTokenLayer::new(identity.clone(), origins).layer(Instant)
}

/// Whether a call through `client` is answered at the first poll: it neither failed nor waited.
fn is_served_at_once(client: &mut AttachToken<Instant>) -> bool {
    let request = Request::get("https://api.bizfirst.ai/x").body(()).unwrap();
    matches!(client.call(request).now_or_never(), Some(Ok(_)))
}
