//! The outbound side against a Passport over sockets: concurrent callers, outages, rejected
//! secrets, rejected tokens.

mod cache_strategies;
mod client_authentication;
mod concurrent_callers;
mod configuration;
mod http_client;
mod kubernetes;
mod many_identities;
mod middleware_recipes;
mod outages;
mod private_networks;
mod propagation;
mod rejected_secrets;
mod rejected_tokens;
mod reqwest_middleware;
mod rotation;
mod tls_errors;

use std::time::Duration;

use futures_util::FutureExt;
use http::Request;
use passport_dev::DevPassport;
use passport_outbound::{
    AllowedOrigins, AttachToken, AttachTokenLayer, ManagedIdentity, ManualClock, SecretSource,
};
use tower::{Layer, Service};

use crate::harness::{EmptyResponse, identity_builder as builder};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Tokens of the dev Passport live for an hour. From this age on they are refreshed; in their
/// last five seconds they are no longer sent.
const REFRESH_AGE: Duration = Duration::from_secs(3545);

fn clock() -> ManualClock {
    ManualClock::at_unix_seconds(1_750_000_000)
}

/// Returns a client with immediate responses, so that its calls only wait for the token.
fn instant_client(identity: &ManagedIdentity) -> AttachToken<EmptyResponse> {
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
    AttachTokenLayer::new(identity.clone(), origins).layer(EmptyResponse)
}

/// Returns whether a call through `client` succeeds at the first poll.
fn is_ready_at_first_poll(client: &mut AttachToken<EmptyResponse>) -> bool {
    let request = Request::get("https://api.bizfirst.ai/x").body(()).unwrap();
    matches!(client.call(request).now_or_never(), Some(Ok(_)))
}
