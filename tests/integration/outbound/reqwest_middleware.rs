//! The layer as a middleware of the crate `reqwest-middleware`.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use http::{Extensions, header::AUTHORIZATION};
use passport_dev::DevPassport;
use passport_outbound::{
    AccessToken, AllowedOrigins, AttachError, AttachTokenLayer, CallerIdentity, CallerToken, Clock, Identity,
    RequestIdentity, SystemClock, TokenError,
};
use reqwest_middleware::{ClientBuilder, Error, Middleware, Next};

use super::{HOUR, builder, clock};
use crate::harness::{api, http, serve};

/// Records whether each request has a token, and how many of these middlewares it has visited.
#[derive(Clone, Default)]
struct RecordingMiddleware(Arc<Mutex<Vec<(bool, usize)>>>);

#[derive(Clone)]
struct Visits(usize);

#[tonic::async_trait]
impl Middleware for RecordingMiddleware {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response, Error> {
        let visits = extensions.get::<Visits>().map_or(0, |visits| visits.0);
        extensions.insert(Visits(visits + 1));
        self.0.lock().unwrap().push((request.headers().contains_key(AUTHORIZATION), visits));
        next.run(request, extensions).await
    }
}

fn layer(identity: impl Into<Identity>, api: &str) -> AttachTokenLayer {
    AttachTokenLayer::new(identity, AllowedOrigins::new([api]).unwrap())
}

#[tokio::test]
async fn only_middleware_after_the_layer_sees_the_token() {
    let passport = DevPassport::start().await.unwrap();
    let api = api(&passport).await;
    let identity = builder(&passport, &passport.managed_identity("payroll").create()).build().unwrap();
    let (before, behind) = (RecordingMiddleware::default(), RecordingMiddleware::default());
    let client = ClientBuilder::new(http())
        .with(before.clone())
        .with(layer(identity, &api))
        .with(behind.clone())
        .build();
    assert_eq!(client.get(format!("{api}/internal/sync")).send().await.unwrap().status(), 200);
    assert_eq!(*before.0.lock().unwrap(), [(false, 0)]);
    assert_eq!(*behind.0.lock().unwrap(), [(true, 1)], "the extensions are kept");
}

#[tokio::test]
async fn rejected_request_is_retried_through_the_chain() {
    let clock = clock();
    let passport = DevPassport::builder().clock(clock.clone()).start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = builder(&passport, &registered).clock(clock.clone()).build().unwrap();
    identity.token().await.unwrap();
    clock.advance(Duration::from_secs(60));
    let refusing = serve(Router::new().route("/", get(|| async { StatusCode::UNAUTHORIZED }))).await;
    let (before, behind) = (RecordingMiddleware::default(), RecordingMiddleware::default());
    let client = ClientBuilder::new(http())
        .with(before.clone())
        .with(layer(identity, &refusing).retry_unauthorized())
        .with(behind.clone())
        .build();
    assert_eq!(client.get(&refusing).send().await.unwrap().status(), 401);
    assert_eq!(*before.0.lock().unwrap(), [(false, 0)]);
    assert_eq!(*behind.0.lock().unwrap(), [(true, 1), (true, 2)]);
    assert_eq!(passport.counters().token(), 2);
}

#[tokio::test]
async fn request_extensions_choose_caller_or_identity() {
    let passport = DevPassport::start().await.unwrap();
    let api = api(&passport).await;
    let url = format!("{api}/whoami");
    let token = AccessToken::new(&passport.user_token("ada").build(), SystemClock.now() + HOUR).unwrap();
    let caller = CallerToken::new(token);
    let identity = builder(&passport, &passport.managed_identity("payroll").create()).build().unwrap();
    let client = ClientBuilder::new(http()).with(layer(CallerIdentity::from_extensions(), &api)).build();
    for (request, seen) in [
        (client.get(&url).with_extension(caller.clone()), "ada"),
        (client.get(&url).with_extension(RequestIdentity::new(identity.clone())), "mi-payroll-clientid"),
        (
            client
                .get(&url)
                .with_extension(RequestIdentity::new(CallerIdentity::from_extensions().or(identity.clone())))
                .with_extension(caller),
            "ada",
        ),
        (
            client
                .get(&url)
                .with_extension(RequestIdentity::new(CallerIdentity::from_extensions().or(identity))),
            "mi-payroll-clientid",
        ),
    ] {
        let told: serde_json::Value =
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(told["user_id"], seen);
    }
}

#[tokio::test]
async fn errors_keep_their_type_in_the_chain() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    registered.disable();
    let client =
        |identity: Identity| ClientBuilder::new(http()).with(layer(identity, "http://127.0.0.1:9")).build();
    let ours = |error: Error| match error {
        Error::Middleware(error) => error,
        Error::Reqwest(error) => panic!("{error}"),
    };
    let as_caller = client(CallerIdentity::from_extensions().into());
    let error = ours(as_caller.get("http://127.0.0.1:9").send().await.unwrap_err());
    assert_eq!(error.downcast_ref::<AttachError>(), Some(&AttachError::MissingCallerToken));
    let as_service = client(builder(&passport, &registered).build().unwrap().into());
    let error = ours(as_service.get("http://127.0.0.1:9").send().await.unwrap_err());
    assert!(error.downcast_ref::<TokenError>().is_some(), "{error}");

    registered.enable();
    let as_service = client(builder(&passport, &registered).build().unwrap().into());
    let error = as_service.get("http://127.0.0.1:9").send().await.unwrap_err();
    assert!(error.is_connect(), "reqwest's own stays reqwest's: {error:?}");
}

#[tokio::test]
async fn foreign_host_header_is_not_sent() {
    let passport = DevPassport::start().await.unwrap();
    let api = api(&passport).await;
    let identity = builder(&passport, &passport.managed_identity("payroll").create()).build().unwrap();
    let client = ClientBuilder::new(http()).with(layer(identity, &api)).build();
    let error = client.get(&api).header("host", "somebody-else.example").send().await.unwrap_err();
    let Error::Middleware(error) = error else { panic!("{error:?}") };
    assert_eq!(error.downcast_ref::<AttachError>(), Some(&AttachError::HostMismatch));
    assert_eq!(passport.counters().token(), 0);
}
