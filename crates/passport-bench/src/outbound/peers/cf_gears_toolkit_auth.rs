//! `cf-gears-toolkit-auth`: its tower layer.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::TryFutureExt;
use http::Request;
use toolkit_auth::{BearerAuthLayer, OAuthClientConfig, SecretString, TokenProvider};
use toolkit_http::HttpError;
use tower::{Layer, Service, service_fn};

use crate::{
    outbound::{CLIENT_ID, CLIENT_SECRET, Contender, Receiver, SCOPES, TokenEndpoint},
    subject::Subject,
};

/// The layer that `with_bearer_auth` adds to the crate's own client.
#[derive(Debug)]
pub struct CfGearsToolkitAuth;

impl Contender for CfGearsToolkitAuth {
    const NAME: &'static str = "cf-gears-toolkit-auth";
    /// Its offset is 30 min, or half of a shorter lifetime. Its jitter of at most 5 min can be
    /// longer than the rest, so a refresh is due at any time within 3 s.
    const LIFETIME: Duration = Duration::from_secs(30 * 60 + 3);

    async fn attach(endpoint: &TokenEndpoint) -> Subject {
        let tokens = TokenProvider::new(OAuthClientConfig {
            token_endpoint: Some(endpoint.url().parse().expect("the URL is valid")),
            client_id: CLIENT_ID.to_owned(),
            client_secret: SecretString::new(CLIENT_SECRET),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            ..OAuthClientConfig::default()
        })
        .expect("the configuration is valid");
        // The layer requires the error type of the crate's client.
        let receiver = service_fn(|request: Request<Bytes>| {
            Receiver.call(request).map_err(|never: Infallible| -> HttpError { match never {} })
        });
        Subject::new(BearerAuthLayer::new(tokens).layer(receiver))
    }
}
