//! `middle`: its authorizer returns a header that a background task refreshes.

use std::{future::ready, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, header::AUTHORIZATION};
use middle::{Authorizer, BasicClientCredentialAuthorizer};
use tower::service_fn;

use crate::{
    outbound::{CLIENT_ID, CLIENT_SECRET, Contender, Receiver, SCOPES, TokenEndpoint},
    subject::Subject,
};

/// The code of its `HttpClient`, which exists for reqwest only.
#[derive(Debug)]
pub struct Middle;

impl Contender for Middle {
    const NAME: &'static str = "middle";
    /// Its tolerance is 30 s by default, or half of a shorter lifetime.
    const LIFETIME: Duration = Duration::from_secs(30 + 3);

    async fn attach(endpoint: &TokenEndpoint) -> Subject {
        let url = endpoint.url().parse().expect("the URL is valid");
        let authorizer = BasicClientCredentialAuthorizer::basic_builder(CLIENT_ID, CLIENT_SECRET, url)
            .add_scopes(&SCOPES)
            .build()
            .await
            .expect("the endpoint responds");
        Subject::new(service_fn(move |mut request: Request<Bytes>| {
            let header = authorizer.authorization_header().map(Arc::unwrap_or_clone);
            ready(header.map(|header| {
                request.headers_mut().insert(AUTHORIZATION, header);
                Receiver::respond(request.headers())
            }))
        }))
    }
}
