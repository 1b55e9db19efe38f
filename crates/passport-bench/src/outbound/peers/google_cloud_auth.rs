//! `google-cloud-auth`: the headers of its credentials, as Google's own clients take them.
//!
//! Its user account is the one credential that asks nothing but a token endpoint of our choice,
//! over plain HTTP.

use std::time::Duration;

use bytes::Bytes;
use google_cloud_auth::credentials::{CacheableResource, user_account};
use http::{Extensions, Request};
use tower::{BoxError, Service, service_fn};

use crate::{
    outbound::{CLIENT_ID, CLIENT_SECRET, Contender, Receiver, SCOPES, TokenEndpoint},
    subject::Subject,
};

/// The token of a user account; all its kinds of credentials share their cache and the making of
/// headers.
#[derive(Debug)]
pub struct GoogleCloudAuth;

impl Contender for GoogleCloudAuth {
    const NAME: &'static str = "google-cloud-auth";
    /// Its slack is 240 s; a token with a shorter life is fetched again every 10 s.
    const LIFETIME: Duration = Duration::from_secs(240 + 3);

    async fn attach(endpoint: &TokenEndpoint) -> Subject {
        let account = serde_json::json!({
            "type": "authorized_user",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": "refresh-token-for-the-benchmark",
        });
        let credentials = user_account::Builder::new(account)
            .with_token_uri(endpoint.url())
            .with_scopes(SCOPES)
            .build()
            .expect("it is complete");
        Subject::new(service_fn(move |mut request: Request<Bytes>| {
            let credentials = credentials.clone();
            async move {
                let headers = credentials.headers(Extensions::new()).await?;
                let CacheableResource::New { data, .. } = headers else {
                    unreachable!("no tag was sent");
                };
                request.headers_mut().extend(data);
                Ok::<_, BoxError>(Receiver.call(request).await?)
            }
        }))
    }
}
