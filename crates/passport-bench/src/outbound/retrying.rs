//! passport-outbound with a receiver that rejects each token once: the first request of a call gets
//! a 401, and the retry with a new token a 200.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use passport_outbound::{
    AllowedOrigins, AttachTokenLayer, HttpClient, ManagedIdentity, ManualClock, ResponseLimits, SecretSource,
    Transport, TransportError,
};
use tower::{Layer, Service};

use super::{CLIENT_ID, CLIENT_SECRET, Contender, Receiver, TokenEndpoint};
use crate::subject::Subject;

/// A token is replaced only after some minutes, so the clock advances by more at each rejection.
const BETWEEN_CALLS: Duration = Duration::from_secs(600);

/// The layer with a retry. Each call fetches a token, from memory and not from the network, so that
/// its instructions do not depend on the moment at which bytes arrive.
#[derive(Debug)]
pub struct RejectedAndRetried;

impl Contender for RejectedAndRetried {
    const NAME: &'static str = "passport-outbound, rejected and retried";
    const LIFETIME: Duration = Duration::from_secs(24 * 3600); // not used

    async fn attach(_: &TokenEndpoint) -> Subject {
        let clock = ManualClock::at_unix_seconds(1_800_000_000);
        let identity = ManagedIdentity::builder(CLIENT_ID, SecretSource::from_value(CLIENT_SECRET))
            .token_url("https://passport.example.com/token")
            .transport(Transport::new(IssuerInMemory::default()))
            .clock(clock.clone())
            .build()
            .expect("the configuration is valid");
        let origins = AllowedOrigins::new(["https://api.example.com"]).expect("the origin is valid");
        let layer = AttachTokenLayer::new(identity, origins).retry_unauthorized();
        Subject::new(layer.layer(RejectsFirst { clock, requests: Arc::default() }))
    }
}

/// Issues a new token for each request. The tokens are as long as Passport's.
#[derive(Debug)]
struct IssuerInMemory {
    issued: AtomicU64,
    /// The common end of the tokens. Building it for each request would be counted.
    end: String,
}

impl Default for IssuerInMemory {
    fn default() -> Self {
        Self { issued: AtomicU64::default(), end: "0".repeat(850) }
    }
}

impl HttpClient for IssuerInMemory {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let token = format!("{number:020}{}", self.end);
        let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":86400}}"#);
        Ok(Response::new(body.into()))
    }
}

/// Rejects every second request.
#[derive(Clone, Debug)]
struct RejectsFirst {
    clock: ManualClock,
    requests: Arc<AtomicU64>,
}

impl Service<Request<Bytes>> for RejectsFirst {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let mut response = Receiver::respond(request.headers());
        if self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            self.clock.advance(BETWEEN_CALLS);
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        ready(Ok(response))
    }
}
