//! `huskarl`: a grant, in a source, in a cache, in an authorizer that builds the headers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use huskarl::{
    authorizer::HttpAuthorizer,
    cache::{GrantTokenSource, InMemoryRefreshTokenStore, InMemoryTokenCache},
    core::{
        client_auth::ClientSecret,
        secrets::{ProvidedSecret, SecretString},
    },
    grant::client_credentials::{ClientCredentialsGrant, ClientCredentialsGrantParameters},
};
use huskarl_reqwest::ReqwestClient;
use tower::{BoxError, Service, service_fn};

use crate::{
    outbound::{CLIENT_ID, CLIENT_SECRET, Contender, Receiver, SCOPES, TokenEndpoint},
    subject::Subject,
};

/// The request loop of its guide, without the retry.
#[derive(Debug)]
pub struct Huskarl;

impl Contender for Huskarl {
    const NAME: &'static str = "huskarl";
    /// Its margin is 30 s, but at most half of the lifetime, plus a random part of up to a tenth of
    /// the lifetime. A refresh is therefore due after 2.4 to 3 s.
    const LIFETIME: Duration = Duration::from_secs(6);

    async fn attach(endpoint: &TokenEndpoint) -> Subject {
        let secret = ProvidedSecret::new(SecretString::new(CLIENT_SECRET));
        let grant = ClientCredentialsGrant::builder()
            .token_endpoint(endpoint.url().parse().expect("the URL is valid"))
            .client_id(CLIENT_ID)
            // The future of the crate's builder is not `Send`.
            .http_client(ReqwestClient::from(reqwest::Client::new()))
            .client_auth(ClientSecret::new(secret))
            .build();
        let parameters =
            ClientCredentialsGrantParameters::builder().scope(SCOPES.map(str::to_owned).to_vec()).build();
        let source = GrantTokenSource::builder()
            .grant(grant)
            .grant_parameters(parameters)
            .refresh_store(InMemoryRefreshTokenStore::default())
            .build();
        let cache = InMemoryTokenCache::builder().source(source).build();
        let authorizer = Arc::new(HttpAuthorizer::builder().cache(cache).build());
        Subject::new(service_fn(move |mut request: Request<Bytes>| {
            let authorizer = authorizer.clone();
            async move {
                let uri = request.uri().clone();
                let headers = authorizer.get_headers(request.method(), &uri).await?;
                request.headers_mut().extend(headers);
                let response = Receiver.call(request).await?;
                authorizer.process_response(&uri, response.headers());
                Ok::<_, BoxError>(response)
            }
        }))
    }
}
