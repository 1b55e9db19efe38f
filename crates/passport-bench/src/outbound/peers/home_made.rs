//! The usual code without a crate: a token in a mutex, fetched under the lock when it is about
//! to expire.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderValue, Request,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use tower::{BoxError, Service, service_fn};
use url::form_urlencoded;

use crate::{
    outbound::{CLIENT_ID, CLIENT_SECRET, Contender, Receiver, SCOPES, TokenEndpoint},
    subject::Subject,
};

const MARGIN: Duration = Duration::from_secs(30);

struct Tokens {
    http: reqwest::Client,
    url: String,
    /// The token, and the time of the next fetch.
    cached: Mutex<Option<(String, Instant)>>,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    expires_in: u64,
}

impl Tokens {
    async fn token(&self) -> Result<String, BoxError> {
        let mut cached = self.cached.lock().await;
        if let Some((token, renew_at)) = &*cached
            && Instant::now() < *renew_at
        {
            return Ok(token.clone());
        }
        let response = self.fetch().await?;
        let life = Duration::from_secs(response.expires_in);
        *cached = Some((response.access_token.clone(), Instant::now() + life.saturating_sub(MARGIN)));
        Ok(response.access_token)
    }

    async fn fetch(&self) -> Result<TokenResponse, BoxError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", &SCOPES.join(" "))
            .finish();
        let request = self
            .http
            .post(&self.url)
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let body = request.send().await?.error_for_status()?.bytes().await?;
        Ok(serde_json::from_slice(&body)?)
    }
}

/// A mutex, an instant and `format!`.
#[derive(Debug)]
pub struct HomeMade;

impl Contender for HomeMade {
    const NAME: &'static str = "home-made";
    const LIFETIME: Duration = Duration::from_secs(30 + 3);

    async fn attach(endpoint: &TokenEndpoint) -> Subject {
        let tokens =
            Arc::new(Tokens { http: reqwest::Client::new(), url: endpoint.url(), cached: Mutex::new(None) });
        Subject::new(service_fn(move |mut request: Request<Bytes>| {
            let tokens = tokens.clone();
            async move {
                let header = format!("Bearer {}", tokens.token().await?);
                let header = HeaderValue::try_from(header).expect("a token fits into a header");
                request.headers_mut().insert(AUTHORIZATION, header);
                Ok::<_, BoxError>(Receiver.call(request).await?)
            }
        }))
    }
}
