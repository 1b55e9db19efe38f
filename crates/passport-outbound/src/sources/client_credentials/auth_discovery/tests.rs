use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use passport_core::{HttpExchange, Limits, TransportError};
use serde_json::json;
use tokio::time::advance;

use super::*;

const PATIENCE: Duration = Duration::from_secs(2);

/// An issuer whose document names these methods; without them it has none, and it may be silent.
#[derive(Clone, Debug, Default)]
struct Document {
    methods: Arc<Mutex<Option<&'static str>>>,
    is_silent: bool,
    asked: Arc<AtomicUsize>,
}

impl HttpExchange for Document {
    async fn exchange(&self, request: Request<Bytes>, _: Limits) -> Result<Response<Bytes>, TransportError> {
        // Of the two locations, the first is counted.
        let is_first = request.uri().path().starts_with("/passport/");
        self.asked.fetch_add(usize::from(is_first), Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.is_silent {
            std::future::pending::<()>().await;
        }
        let issuer = Issuer::passport();
        let keys = format!("{}/keys", issuer.id());
        let named = *self.methods.lock().unwrap();
        let document = json!({
            "issuer": issuer.id(), "jwks_uri": keys, "token_endpoint_auth_methods_supported": [named],
        });
        let mut response = Response::new(Bytes::from(document.to_string()));
        if named.is_none() {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Ok(response)
    }
}

impl Document {
    fn names(&self, method: Option<&'static str>) {
        *self.methods.lock().unwrap() = method;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn asking(document: &Document) -> (AuthMethodSelection, Transport) {
    (AuthMethodSelection::new(None, Some(&Issuer::passport())), Transport::new(document.clone()))
}

async fn method(authentication: &AuthMethodSelection, transport: &Transport) -> ClientAuthentication {
    authentication.select(transport, PATIENCE).await.method
}

#[tokio::test(start_paused = true)]
async fn an_issuer_without_an_answer_is_left_alone_for_a_while_by_all() {
    for is_silent in [false, true] {
        let document = Document { is_silent, ..Document::default() };
        let (authentication, transport) = asking(&document);
        let began = Instant::now();
        let all = (0..100).map(|_| method(&authentication, &transport));
        for method in futures_util::future::join_all(all).await {
            assert_eq!(method, ClientAuthentication::ClientSecretBasic);
        }
        assert_eq!((document.asked(), began.elapsed() <= PATIENCE), (1, true), "silent: {is_silent}");
        let selected = authentication.select(&transport, PATIENCE).await;
        authentication.report_rejected(&selected);
        method(&authentication, &transport).await;
        assert_eq!(document.asked(), 1, "what was never said is not doubted; silent: {is_silent}");
        advance(RETRY_AFTER).await;
        method(&authentication, &transport).await;
        assert_eq!(document.asked(), 2, "silent: {is_silent}");
    }
}

#[tokio::test(start_paused = true)]
async fn discovered_method_is_trusted_until_it_is_rejected() {
    let document = Document::default();
    let (authentication, transport) = asking(&document);
    document.names(Some("client_secret_post"));
    let selected = authentication.select(&transport, PATIENCE).await;
    assert_eq!(selected.method, ClientAuthentication::ClientSecretPost);
    document.names(Some("client_secret_basic"));
    let now = async || (method(&authentication, &transport).await, document.asked());
    assert_eq!(now().await, (ClientAuthentication::ClientSecretPost, 1));
    authentication.report_rejected(&selected);
    assert_eq!(now().await, (ClientAuthentication::ClientSecretPost, 1), "it has said so just now");
    advance(RETRY_AFTER).await;
    authentication.report_rejected(&selected);
    assert_eq!(now().await, (ClientAuthentication::ClientSecretBasic, 2));
    advance(RETRY_AFTER).await;
    authentication.report_rejected(&selected);
    assert_eq!(now().await.1, 2, "it was the answer before this one that led to a refusal");
    document.names(Some("client_secret_post"));
    advance(DISCOVERY_TTL).await;
    assert_eq!(now().await, (ClientAuthentication::ClientSecretPost, 3));
}

#[tokio::test(start_paused = true)]
async fn what_was_known_counts_while_the_issuer_is_down() {
    let document = Document::default();
    let (authentication, transport) = asking(&document);
    document.names(Some("client_secret_post"));
    method(&authentication, &transport).await;
    document.names(None);
    advance(DISCOVERY_TTL).await;
    let method = method(&authentication, &transport).await;
    assert_eq!((method, document.asked()), (ClientAuthentication::ClientSecretPost, 2));
}

/// As an attempt does on a runtime that nobody drives any more.
#[tokio::test(start_paused = true)]
async fn stalled_discovery_delays_others_by_the_timeout() {
    let document = Document { is_silent: true, ..Document::default() };
    let (authentication, transport) = asking(&document);
    let mut stuck = Box::pin(authentication.select(&transport, PATIENCE));
    assert!(futures_util::poll!(&mut stuck).is_pending());
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(method(&authentication, &transport).await, ClientAuthentication::ClientSecretBasic);
    }
    assert_eq!(began.elapsed(), PATIENCE, "the first waits, the others know");
}

#[test]
fn basic_is_taken_unless_only_post_is_named() {
    use ClientAuthentication::{ClientSecretBasic, ClientSecretPost};
    for (supported, chosen) in [
        (&[][..], ClientSecretBasic),
        (&["client_secret_basic", "client_secret_post", "private_key_jwt"], ClientSecretBasic),
        (&["client_secret_post", "client_secret_basic"], ClientSecretBasic),
        (&["client_secret_post", "private_key_jwt"], ClientSecretPost),
        (&["private_key_jwt"], ClientSecretBasic),
    ] {
        let supported: Vec<_> = supported.iter().map(|method| (*method).to_owned()).collect();
        assert_eq!(first_supported(&supported), chosen, "{supported:?}");
    }
}
