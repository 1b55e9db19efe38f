//! passport-outbound, as its README recommends.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use passport_outbound::{
    AllowedOrigins, AttachTokenLayer, ManagedIdentity, ManagedIdentityBuilder, ReqwestHttpClient,
    SecretSource, TokenCache, Transport,
};
use passport_redis::{EncryptionKeys, RedisTokenStore};
use tower::{Layer, Service, service_fn};

use super::{CLIENT_ID, CLIENT_SECRET, Contender, DESTINATION, Receiver, SCOPES, TokenEndpoint};
use crate::subject::{Batch, Subject};

/// The layer with all defaults.
#[derive(Debug)]
pub struct Ours;

impl Contender for Ours {
    const NAME: &'static str = "passport-outbound";
    /// The refresh threshold is 60 s, but at most half of the lifetime.
    const LIFETIME: Duration = Duration::from_secs(6);

    async fn attach(endpoint: &TokenEndpoint) -> Subject {
        client(endpoint, CLIENT_ID, Transport::new(ReqwestHttpClient::new()))
    }
}

/// The environment variable with the URL of the fleet's Redis.
pub const REDIS: &str = "BENCH_REDIS";

/// The layer with a shared store on Redis.
#[derive(Debug)]
pub struct OursOnRedis;

impl Contender for OursOnRedis {
    const NAME: &'static str = "passport-outbound, with Redis";
    const LIFETIME: Duration = Ours::LIFETIME;

    async fn attach(endpoint: &TokenEndpoint) -> Subject {
        let keys =
            EncryptionKeys::new(SecretSource::from_value("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="));
        let redis = std::env::var(REDIS).expect("BENCH_REDIS is set");
        let store = RedisTokenStore::builder(redis, keys).build().expect("the configuration is valid");
        layered(builder(endpoint, CLIENT_ID, Transport::default()).token_cache(TokenCache::shared(store)))
    }
}

/// Returns `count` identities in one process, each with a cached token. They share one HTTP
/// client.
pub async fn many_identities(endpoint: &TokenEndpoint, count: usize) -> Vec<Subject> {
    let transport = Transport::new(ReqwestHttpClient::new());
    let one = |number| client(endpoint, &format!("service-{number}"), transport.clone());
    let subjects: Vec<_> = (0..count).map(one).collect();
    for some in subjects.chunks(100) {
        join_all(some.iter().map(|subject| subject.run(Batch::to(DESTINATION, 1)))).await;
    }
    subjects
}

fn client(endpoint: &TokenEndpoint, client_id: &str, transport: Transport) -> Subject {
    layered(builder(endpoint, client_id, transport))
}

fn builder(endpoint: &TokenEndpoint, client_id: &str, transport: Transport) -> ManagedIdentityBuilder {
    ManagedIdentity::builder(client_id, SecretSource::from_value(CLIENT_SECRET))
        .token_url(endpoint.url())
        .transport(transport)
        .scopes(SCOPES.join(" "))
}

fn layered(builder: ManagedIdentityBuilder) -> Subject {
    let identity = builder.build().expect("the configuration is valid");
    let origins = AllowedOrigins::new(["https://api.example.com"]).expect("the origin is valid");
    let layer = AttachTokenLayer::new(identity, origins);
    Subject::new(layer.layer(service_fn(|request: Request<Bytes>| Receiver.call(request))))
}
