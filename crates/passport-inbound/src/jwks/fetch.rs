use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Response, StatusCode};
use passport_core::{DiscoveryError, Issuer, Limits, Transport, TransportError, discover};
use url::Url;

use super::KeySet;

const LIMITS: Limits = Limits { timeout: Duration::from_secs(5), max_body: 256 * 1024 };

/// Reads an issuer's keys from where it says they are.
#[derive(Debug)]
pub(crate) struct JwksSource {
    issuer: Issuer,
    transport: Transport,
    /// Where they were the last time. Forgotten when they are there no more, so that a move is noticed.
    discovered: Mutex<Option<Url>>,
}

/// Why there is no new key set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the place of the signing keys could not be discovered")]
    Discovery(#[from] DiscoveryError),
    #[error("the task that fetched the key set ended without a result")]
    Lost,
    #[error("the key set has no usable RS256 key")]
    NoUsableKey,
    #[error("the answer is not a key set")]
    NotAKeySet,
    #[error("the key set was answered with status {0}")]
    Status(StatusCode),
    #[error("the key set could not be read")]
    Transport(#[from] TransportError),
}

impl JwksSource {
    pub(crate) fn new(issuer: Issuer, transport: Transport) -> Self {
        Self { issuer, transport, discovered: Mutex::default() }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.issuer.id()
    }

    pub(crate) async fn fetch(&self) -> Result<KeySet, FetchError> {
        if let Some(url) = self.issuer.jwks_url() {
            return Ok(self.fetch_from(url.clone()).await?.0);
        }
        let known = self.discovered().clone();
        let url = match known {
            Some(url) => url,
            None => discover(&self.transport, &self.issuer).await?.jwks_uri,
        };
        let fetched = self.fetch_from(url).await;
        match &fetched {
            Ok((_, url)) => *self.discovered() = Some(url.clone()),
            Err(FetchError::Status(StatusCode::NOT_FOUND | StatusCode::GONE)) => *self.discovered() = None,
            // An outage says nothing about where the keys are.
            Err(_) => {}
        }
        Ok(fetched?.0)
    }

    /// The keys, and where they were found.
    async fn fetch_from(&self, url: Url) -> Result<(KeySet, Url), FetchError> {
        let (url, response) = self.get_either(url).await?;
        Ok((KeySet::parse(response.body())?, url))
    }

    /// Passport's pages name two places for the keys: when one has none (404), the other is tried, once.
    async fn get_either(&self, url: Url) -> Result<(Url, Response<Bytes>), FetchError> {
        let response = self.get(&url).await?;
        match (response.status(), self.issuer.other_jwks_url(&url)) {
            (StatusCode::OK, _) => Ok((url, response)),
            (StatusCode::NOT_FOUND, Some(other)) => {
                let response = self.get(&other).await?;
                if response.status() == StatusCode::OK {
                    Ok((other, response))
                } else {
                    Err(FetchError::Status(response.status()))
                }
            }
            (status, _) => Err(FetchError::Status(status)),
        }
    }

    async fn get(&self, url: &Url) -> Result<Response<Bytes>, FetchError> {
        Ok(self.transport.get(url, LIMITS).await?)
    }

    fn discovered(&self) -> MutexGuard<'_, Option<Url>> {
        self.discovered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
