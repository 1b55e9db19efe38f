//! `aliri_reqwest`: a middleware of `reqwest-middleware`, with the watcher of `aliri_tokens`.
//!
//! A middleware at the end of the chain replaces the network. The baseline is the same chain
//! without the token middleware.

use std::{sync::Arc, time::Duration};

use aliri_clock::DurationSecs;
use aliri_reqwest::AccessTokenMiddleware;
use aliri_tokens::{
    TokenLifetimeConfig, TokenWatcher,
    backoff::ErrorBackoffConfig,
    jitter::NullJitter,
    sources::oauth2::{
        ClientCredentialsTokenSource,
        dto::{ClientCredentials, ClientCredentialsWithAudience},
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Extensions, Method, Request, Response, StatusCode};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use reqwest012::{Client, Url};
use tower::{Service, service_fn};

use crate::{
    outbound::{CLIENT_ID, CLIENT_SECRET, Contender, Receiver, TokenEndpoint},
    subject::Subject,
};

/// The end of the chain, which replaces the network. It returns 200 if the receiver responds
/// with the expected status.
struct Network {
    expected: StatusCode,
}

#[async_trait]
impl Middleware for Network {
    async fn handle(
        &self,
        mut request: reqwest012::Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest012::Response> {
        let mut received = Request::new(Bytes::new());
        std::mem::swap(received.headers_mut(), request.headers_mut());
        let status = match Receiver.call(received).await {
            Ok(response) => response.status(),
            Err(never) => match never {},
        };
        let mut converted = Response::new("");
        if status != self.expected {
            *converted.status_mut() = status;
        }
        Ok(converted.into())
    }
}

fn caller(chain: ClientBuilder, expected: StatusCode) -> Subject {
    let client = Arc::new(chain.with(Network { expected }).build());
    let url: Url = "https://api.example.com/payroll".parse().expect("the URL is valid");
    Subject::new(service_fn(move |_: Request<Bytes>| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            let response = client.execute(reqwest012::Request::new(Method::GET, url)).await?;
            let mut converted = Response::new(());
            *converted.status_mut() = response.status();
            Ok::<_, reqwest_middleware::Error>(converted)
        }
    }))
}

/// The chain with the token middleware.
#[derive(Debug)]
pub struct AliriReqwest;

impl Contender for AliriReqwest {
    const NAME: &'static str = "aliri_reqwest";
    /// It refreshes after three quarters of the lifetime, after 30 s at least by default. The
    /// minimum is set to 3 s below, and the jitter, which would start a refresh earlier, is off.
    const LIFETIME: Duration = Duration::from_secs(4);

    async fn attach(endpoint: &TokenEndpoint) -> Subject {
        let credentials = ClientCredentialsWithAudience {
            credentials: Arc::new(ClientCredentials {
                client_id: CLIENT_ID.into(),
                client_secret: CLIENT_SECRET.into(),
            }),
            audience: "payroll".into(),
        };
        let source = ClientCredentialsTokenSource::new(
            Client::new(),
            endpoint.url().parse().expect("the URL is valid"),
            credentials,
            TokenLifetimeConfig::new(0.75, DurationSecs(3)),
        );
        let watcher =
            TokenWatcher::spawn_from_token_source(source, NullJitter, ErrorBackoffConfig::default())
                .await
                .expect("the endpoint responds");
        let chain = ClientBuilder::new(Client::new()).with(AccessTokenMiddleware::new(watcher));
        caller(chain, StatusCode::OK)
    }
}

/// The chain without the token middleware. The receiver rejects its requests.
#[derive(Debug)]
pub struct BareReqwestMiddleware;

impl Contender for BareReqwestMiddleware {
    const NAME: &'static str = "bare reqwest-middleware";
    const LIFETIME: Duration = Duration::from_secs(3600); // not used

    async fn attach(_: &TokenEndpoint) -> Subject {
        caller(ClientBuilder::new(Client::new()), StatusCode::UNAUTHORIZED)
    }
}
