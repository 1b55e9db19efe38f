//! `azure_identity`: the token of its client secret credential.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    credentials::TokenCredential,
    http::{AsyncRawResponse, ClientOptions, HttpClient, Transport, Url, new_http_client},
};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use bytes::Bytes;
use http::{HeaderValue, Request, header::AUTHORIZATION};
use tower::{BoxError, Service, service_fn};

use crate::{
    outbound::{CLIENT_ID, CLIENT_SECRET, Contender, Receiver, SCOPES, TokenEndpoint},
    subject::Subject,
};

/// Both the credential and the policy refresh a token 300 s before its expiry.
const LIFETIME: Duration = Duration::from_secs(300 + 3);

/// An HTTP client that sends requests to the benchmark's endpoint instead of Entra's.
#[derive(Debug)]
struct Detour {
    http: Arc<dyn HttpClient>,
    url: Url,
}

#[async_trait]
impl HttpClient for Detour {
    async fn execute_request(
        &self,
        request: &azure_core::http::Request,
    ) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        *request.url_mut() = self.url.clone();
        self.http.execute_request(&request).await
    }
}

fn credential(endpoint: &TokenEndpoint) -> Arc<ClientSecretCredential> {
    let detour =
        Detour { http: new_http_client(None), url: endpoint.url().parse().expect("the URL is valid") };
    let options = ClientSecretCredentialOptions {
        client_options: ClientOptions {
            transport: Some(Transport::new(Arc::new(detour))),
            ..ClientOptions::default()
        },
    };
    ClientSecretCredential::new("tenant", CLIENT_ID.to_owned(), CLIENT_SECRET.into(), Some(options))
        .expect("the configuration is valid")
}

/// The credential without its policy, called for each request.
#[derive(Debug)]
pub struct AzureIdentity;

impl Contender for AzureIdentity {
    const NAME: &'static str = "azure_identity";
    const LIFETIME: Duration = LIFETIME;

    async fn attach(endpoint: &TokenEndpoint) -> Subject {
        let credential = credential(endpoint);
        Subject::new(service_fn(move |mut request: Request<Bytes>| {
            let credential = credential.clone();
            async move {
                let token = credential.get_token(&SCOPES, None).await?;
                let header = format!("Bearer {}", token.token.secret());
                let header = HeaderValue::try_from(header).expect("a token fits into a header");
                request.headers_mut().insert(AUTHORIZATION, header);
                Ok::<_, BoxError>(Receiver.call(request).await?)
            }
        }))
    }
}
