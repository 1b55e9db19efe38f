//! A caller's token is forwarded from one service to the next, and to no other destination.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Extension, Router,
    extract::{Request, State},
    middleware::{Next, from_fn},
    routing::get,
};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use passport_dev::DevPassport;
use passport_inbound::{AuthenticateLayer, IdInfo};
use passport_outbound::{
    AccessToken, AllowedOrigins, AttachError, AttachTokenLayer, CallerIdentity, CallerToken, Clock,
    HttpClientError, Identity, Lease, LeaseOutcome, ManagedIdentityHttpClient, StoreError, StoredToken,
    SystemClock, TokenCache, TokenKey, TokenStore,
};
use passport_test_support::metrics::recorded;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Server},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_client::HealthClient,
    health_server::{Health, HealthServer},
};
use tower::Layer;

use super::builder;
use crate::harness::{http, serve, traced, verifier};

type Client = ManagedIdentityHttpClient;

fn client_of(identity: impl Into<Identity>, base: &str) -> Client {
    ManagedIdentityHttpClient::builder(identity, base).client(http()).build().unwrap()
}

/// The `Authorization` headers that a service received.
type SeenAuthorizations = Arc<Mutex<Vec<String>>>;

fn note(seen: &SeenAuthorizations, headers: &HeaderMap) {
    let shown = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    seen.lock().unwrap().push(shown.unwrap_or_default());
}

/// Starts the last service, which returns its caller.
async fn last(passport: &DevPassport, seen: SeenAuthorizations) -> String {
    let whoami = get(|caller: IdInfo, headers: HeaderMap| async move {
        note(&seen, &headers);
        caller.user_id().to_owned()
    });
    serve(Router::new().route("/", whoami).layer(AuthenticateLayer::new(verifier(passport)))).await
}

/// Starts a service that forwards requests to `next`: with the caller's token on `/`, and with
/// its own token on `/own`.
async fn between(passport: &DevPassport, next: Client) -> String {
    async fn as_caller(
        State(next): State<Client>,
        Extension(caller): Extension<CallerToken>,
    ) -> Result<String, StatusCode> {
        answer(next.get("/").caller(caller).send().await).await
    }
    async fn as_itself(State(next): State<Client>) -> Result<String, StatusCode> {
        answer(next.get("/").send().await).await
    }
    let router = Router::new()
        .route("/", get(as_caller))
        .route("/own", get(as_itself))
        .layer(AuthenticateLayer::new(verifier(passport)).forward_token())
        .with_state(next);
    serve(router).await
}

async fn answer(outcome: Result<reqwest::Response, HttpClientError>) -> Result<String, StatusCode> {
    let response = outcome.map_err(|_| StatusCode::BAD_GATEWAY)?;
    if response.status() != StatusCode::OK {
        return Err(response.status());
    }
    response.text().await.map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn ask(url: &str, token: &str) -> (u16, String) {
    let response = http().get(url).bearer_auth(token).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// A token store that records everything that it receives.
#[derive(Clone, Debug, Default)]
struct RecordingStore(Arc<Mutex<Vec<String>>>);

impl TokenStore for RecordingStore {
    async fn get(&self, _: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        Ok(None)
    }

    async fn put(&self, key: &TokenKey, _: &str, token: &StoredToken) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(format!("{key} {}", token.token().expose()));
        Ok(())
    }

    async fn remove(&self, _: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(token.expose().to_owned());
        Ok(())
    }

    async fn try_lease(&self, _: &TokenKey, _: &str, _: Duration) -> Result<LeaseOutcome, StoreError> {
        Ok(LeaseOutcome { lease: Lease::Granted, token: None })
    }

    async fn release(&self, _: &TokenKey, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn user_token_passes_two_services_unchanged_and_leaks_nowhere() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("between").create();
    let (at_the_last, elsewhere, store) =
        (SeenAuthorizations::default(), SeenAuthorizations::default(), RecordingStore::default());
    let token = passport.user_token("ada").build();
    let work = traced(async {
        let identity = builder(&passport, &registered).token_cache(TokenCache::shared(store.clone()));
        let identity = identity.build().unwrap();
        let c = last(&passport, Arc::clone(&at_the_last)).await;
        let b = between(&passport, client_of(identity.clone(), &c)).await;
        let a = between(&passport, client_of(identity.clone(), &b)).await;
        assert_eq!(ask(&a, &token).await, (200, "ada".to_owned()));
        assert_eq!(ask(&format!("{b}/own"), &token).await, (200, registered.client_id().to_owned()));

        let noted = Arc::clone(&elsewhere);
        let foreign = get(|headers: HeaderMap| async move { note(&noted, &headers) });
        let foreign = serve(Router::new().route("/", foreign)).await;
        let caller = CallerToken::new(AccessToken::new(&token, SystemClock.now() + super::HOUR).unwrap());
        let client = client_of(identity, &c);
        let request = client.get(&foreign).caller(caller.clone());
        let printed = format!("{request:?} {client:?} {caller:?}");
        let error = request.send().await.unwrap_err();
        assert!(matches!(error, HttpClientError::Attach(AttachError::OriginNotAllowed { .. })), "{error}");
        format!("{printed} {error:?}")
    });
    let (printed, measured) = recorded(work).await;

    let at_the_last = at_the_last.lock().unwrap();
    assert_eq!(at_the_last[0], format!("Bearer {token}"), "byte for byte");
    assert_ne!(at_the_last[1], at_the_last[0], "the service's own token differs");
    assert!(elsewhere.lock().unwrap().is_empty(), "no request had a token for another destination");

    let signature = token.rsplit('.').next().unwrap();
    let kept = store.0.lock().unwrap().join("\n");
    assert!(!kept.is_empty() && !kept.contains(signature), "in a cache");
    assert!(printed.contains("token fetched") && !printed.contains(signature), "in a log");
    let measured = format!("{measured:?}");
    assert!(measured.contains("mi-between-clientid") && !measured.contains(signature), "in a metric's label");
    assert!(!measured.contains("ada"), "the user's name in a metric's label");
}

#[tokio::test]
async fn next_service_sees_a_scheduler_only_if_it_is_propagated() {
    let passport = DevPassport::start().await.unwrap();
    let identity =
        |name: &str| builder(&passport, &passport.managed_identity(name).create()).build().unwrap();
    let b = last(&passport, SeenAuthorizations::default()).await;
    let a = between(&passport, client_of(identity("a"), &b)).await;
    let scheduler = client_of(identity("scheduler"), &a);
    for (path, seen) in [("/own", "mi-a-clientid"), ("/", "mi-scheduler-clientid")] {
        assert_eq!(scheduler.get(path).send().await.unwrap().text().await.unwrap(), seen);
    }
}

#[tokio::test]
async fn rejected_caller_token_is_not_replaced_by_the_services_own() {
    let passport = DevPassport::start().await.unwrap();
    let refusing = serve(Router::new().route("/", get(|| async { StatusCode::UNAUTHORIZED }))).await;
    let identity = builder(&passport, &passport.managed_identity("a").create()).build().unwrap();
    let a = between(&passport, client_of(identity, &refusing)).await;
    assert_eq!(ask(&a, &passport.user_token("ada").build()).await.0, 401);
    assert_eq!(passport.counters().token(), 0, "the identity of the service requests no token");
}

/// For code between handler and client that does not forward the caller: the task-local value
/// does.
#[tokio::test]
async fn task_local_provides_the_caller_to_the_client() {
    let passport = DevPassport::start().await.unwrap();
    let b = last(&passport, SeenAuthorizations::default()).await;
    let next = client_of(CallerIdentity::from_task_local(), &b);
    let handler = get(|State(next): State<Client>| async move { answer(next.get("/").send().await).await });
    let within_the_caller =
        from_fn(|Extension(caller): Extension<CallerToken>, request: Request, next: Next| async move {
            caller.scope(next.run(request)).await
        });
    let router = Router::new()
        .route("/", handler)
        .layer(within_the_caller)
        .layer(AuthenticateLayer::new(verifier(&passport)).forward_token())
        .with_state(next);
    let a = serve(router).await;
    for user in ["ada", "grace"] {
        assert_eq!(ask(&a, &passport.user_token(user).build()).await, (200, user.to_owned()));
    }
}

/// A gRPC service that calls the next one with the caller's token. The last one authorizes only
/// `ada`.
struct ForwardingService(Option<Channel>);

#[tonic::async_trait]
impl Health for ForwardingService {
    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        let Some(next) = &self.0 else {
            let caller = request.extensions().get::<IdInfo>().unwrap();
            return match caller.user_id() {
                "ada" => Ok(tonic::Response::new(HealthCheckResponse { status: 1 })),
                other => Err(Status::permission_denied(other)),
            };
        };
        let origins = AllowedOrigins::channel(&"http://127.0.0.1".parse().unwrap()).unwrap();
        let layer = AttachTokenLayer::new(CallerIdentity::from_extensions(), origins);
        let mut on = tonic::Request::new(HealthCheckRequest::default());
        if let Some(caller) = request.extensions().get::<CallerToken>() {
            on.extensions_mut().insert(caller.clone());
        }
        HealthClient::new(layer.layer(next.clone())).check(on).await
    }

    type WatchStream = tokio_stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, Status> {
        Ok(tonic::Response::new(tokio_stream::empty()))
    }
}

async fn grpc(hop: ForwardingService, layer: AuthenticateLayer) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let server = Server::builder().layer(layer).add_service(HealthServer::new(hop));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    endpoint.connect_lazy()
}

#[tokio::test]
async fn grpc_services_forward_a_caller_from_the_extensions() {
    let passport = DevPassport::start().await.unwrap();
    let b = grpc(ForwardingService(None), AuthenticateLayer::new(verifier(&passport))).await;
    let a =
        grpc(ForwardingService(Some(b.clone())), AuthenticateLayer::new(verifier(&passport)).forward_token())
            .await;
    let forgets = grpc(ForwardingService(Some(b)), AuthenticateLayer::new(verifier(&passport))).await;
    for (channel, user, expected) in [
        (&a, "ada", Ok(())),
        (&a, "grace", Err(Code::PermissionDenied)),
        (&forgets, "ada", Err(Code::Unknown)),
    ] {
        let mut request = tonic::Request::new(HealthCheckRequest::default());
        let token = format!("Bearer {}", passport.user_token(user).build());
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        let outcome = HealthClient::new(channel.clone()).check(request).await;
        assert_eq!(outcome.map(drop).map_err(|status| status.code()), expected, "{user}");
    }
}
