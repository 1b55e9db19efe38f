//! `google-cloud-auth`: the headers of its credentials, as Google's clients use them.
//!
//! The user account is the only credential that needs only a token endpoint, which may
//! be any URL over plain HTTP.

use std::time::Duration;

use bytes::Bytes;
use google_cloud_auth::credentials::{CacheableResource, user_account};
use http::{Extensions, Request};
use tower::{BoxError, Service, service_fn};

use crate::{
    outbound::{CLIENT_ID, CLIENT_SECRET, Contender, Receiver, SCOPES, TokenEndpoint},
    subject::Subject,
};

/// The token of a user account. All credentials of the crate share the cache and the code that
/// builds headers.
#[derive(Debug)]
pub struct GoogleCloudAuth;

impl Contender for GoogleCloudAuth {
    const NAME: &'static str = "google-cloud-auth";
    /// Its slack is 240 s. A token with a shorter lifetime is fetched again every 10 s.
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
            .expect("the configuration is valid");
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
