use std::{convert::Infallible, future::pending, time::Duration};

use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::{
    Method, Request, Response, Version,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_test_support::logs::Log;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_test::mock;
use tracing::{Instrument, field::Empty};

use super::*;
use crate::{
    AccessToken, CallerToken, IdInfo, IssuerName, Rejection, RejectionReason, Requirement, TokenVerifier,
    identity::Anonymous, test_support::assert_ready_with_inner_service,
};

type Reply = Response<Full<Bytes>>;
type FrameOfBody = Result<Frame<Bytes>, Infallible>;
type Mock = mock::Mock<Request<()>, Reply>;
type Handle = mock::Handle<Request<()>, Reply>;

struct Setup {
    passport: DevPassport,
    service: Authenticate<Mock>,
    handle: Handle,
}

async fn setup() -> Setup {
    let passport = DevPassport::start().await.unwrap();
    let (mock, handle) = mock::pair();
    let service = layer(&passport).layer(mock);
    Setup { passport, service, handle }
}

fn layer(passport: &DevPassport) -> AuthenticateLayer {
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build().unwrap();
    AuthenticateLayer::new(verifier)
}

fn with_token(token: &str) -> Request<()> {
    Request::get("/").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap()
}

fn done() -> Reply {
    Response::new(Full::from("done"))
}

#[tokio::test]
async fn valid_token_adds_its_identity_to_the_request() {
    let Setup { passport, mut service, mut handle } = setup().await;
    let token = passport.user_token("user-7").role("clerk").build();
    let response = service.ready().await.unwrap().call(with_token(&token));
    let (response, caller) = tokio::join!(response, async {
        let (request, respond) = handle.next_request().await.unwrap();
        respond.send_response(done());
        assert!(request.headers()[AUTHORIZATION].is_sensitive());
        request.extensions().get::<IdInfo>().cloned()
    });
    let caller = caller.unwrap();
    assert_eq!((caller.user_id(), caller.tenant_id()), ("user-7", "tenant-1"));
    assert!(caller.has_role("clerk") && !caller.is_service_account());
    assert_eq!(response.unwrap().into_body().collect().await.unwrap().to_bytes(), "done");
}

#[tokio::test]
async fn rejected_request_never_reaches_the_inner_service() {
    let Setup { passport, mut service, mut handle } = setup().await;
    let expired = passport.user_token("u").expired_for(Duration::from_secs(120)).build();
    let issuer = IssuerName::new(passport.issuer());
    for (request, rejection) in [
        (Request::new(()), Rejection::MissingCredentials),
        (with_token("a.b.c"), RejectionReason::Malformed.into()),
        (with_token(&expired), Rejection::Token { reason: RejectionReason::Expired, issuer: Some(issuer) }),
    ] {
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.extensions().get(), Some(&rejection));
    }
    assert_pending!(handle.poll_request());
}

#[tokio::test]
async fn identity_in_the_request_is_replaced() {
    let Setup { passport, mut service, mut handle } = setup().await;
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build().unwrap();
    let smuggled = verifier.verify(&passport.user_token("smuggled").build()).await.unwrap();
    let mut request = with_token(&passport.user_token("real").build());
    request.extensions_mut().insert(smuggled);
    let response = service.ready().await.unwrap().call(request);
    let (_, caller) = tokio::join!(response, async {
        let (request, respond) = handle.next_request().await.unwrap();
        respond.send_response(done());
        request.extensions().get::<IdInfo>().cloned()
    });
    assert_eq!(caller.unwrap().user_id(), "real");
}

#[tokio::test]
async fn token_with_known_key_is_verified_in_call() {
    let Setup { passport, mut service, mut handle } = setup().await;
    let token = passport.user_token("u").build();
    let first = service.ready().await.unwrap().call(with_token(&token));
    let (first, ()) = tokio::join!(first, async {
        handle.next_request().await.unwrap().1.send_response(done());
    });
    first.unwrap();

    let mut warm = task::spawn(service.ready().await.unwrap().call(with_token(&token)));
    handle.next_request().await.unwrap().1.send_response(done());
    assert_eq!(assert_ready_ok!(warm.poll()).status(), 200);
}

/// `ConcurrencyLimit` panics if it is called before it is polled ready.
#[tokio::test]
async fn service_that_was_polled_ready_is_called() {
    let passport = DevPassport::start().await.unwrap();
    passport.inject(Endpoint::Jwks, Fault::Slow(Duration::from_millis(100)));
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(done()) });
    let mut service = layer(&passport).layer(ConcurrencyLimit::new(inner, 1));
    let token = passport.user_token("u").build();

    let mut cold = task::spawn(service.ready().await.unwrap().call(with_token(&token)));
    assert_pending!(cold.poll());
    {
        let mut next = task::spawn(service.ready());
        assert_pending!(next.poll(), "the waiting request holds the only permit");
    }
    assert_eq!(cold.await.unwrap().status(), 200);
    for _ in 0..3 {
        let warm = service.ready().await.unwrap().call(with_token(&token)).await;
        assert_eq!(warm.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn rejected_request_keeps_the_ready_service() {
    let passport = DevPassport::start().await.unwrap();
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(done()) });
    let mut service = layer(&passport).layer(ConcurrencyLimit::new(inner, 1));
    for _ in 0..3 {
        let rejected = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
        assert_eq!(rejected.status(), 401);
    }
    let token = passport.user_token("u").build();
    let forwarded = service.ready().await.unwrap().call(with_token(&token)).await.unwrap();
    assert_eq!(forwarded.status(), 200);
}

#[tokio::test]
async fn pending_inner_service_is_pending_outside() {
    let Setup { mut service, mut handle, .. } = setup().await;
    handle.allow(0);
    let poll = task::spawn(()).enter(|cx, _| service.poll_ready(cx));
    assert!(poll.is_pending());
}

/// Returns the `CallerToken` that the inner service sees. `existing` is the `CallerToken` that
/// the request had in its extensions before the layer.
async fn forwarded_token(
    passport: &DevPassport,
    layer: AuthenticateLayer,
    token: &str,
    existing: Option<&str>,
) -> Option<String> {
    let (mock, mut handle) = mock::pair::<Request<()>, Reply>();
    let mut service = layer.layer(mock);
    let mut request = with_token(token);
    if let Some(existing) = existing {
        let expires_at = std::time::UNIX_EPOCH + Duration::from_secs(1 << 40);
        request.extensions_mut().insert(CallerToken::new(AccessToken::new(existing, expires_at).unwrap()));
    }
    let response = service.ready().await.unwrap().call(request);
    let (response, seen) = tokio::join!(response, async {
        let (request, respond) = handle.next_request().await.unwrap();
        respond.send_response(done());
        request.extensions().get::<CallerToken>().map(|caller| caller.token().expose().to_owned())
    });
    assert_eq!(response.unwrap().status(), 200, "{}", passport.issuer());
    seen
}

#[tokio::test]
async fn only_the_callers_own_token_is_forwarded() {
    let passport = DevPassport::start().await.unwrap();
    let (own, other) = (passport.user_token("u").build(), passport.user_token("v").build());
    for (forwards, existing, seen) in [
        (false, None, None),
        (true, None, Some(&own)),
        (true, Some(&other), Some(&own)),
        (false, Some(&other), None),
        // An outer layer has forwarded the same token.
        (false, Some(&own), Some(&own)),
    ] {
        let layer = layer(&passport);
        let layer = if forwards { layer.forward_token() } else { layer };
        let forwarded = forwarded_token(&passport, layer, &own, existing.map(String::as_str)).await;
        assert_eq!(forwarded.as_ref(), seen, "{forwards} {existing:?}");
    }
}

#[tokio::test]
async fn http3_rejection_follows_content_type_and_method() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build().unwrap();
    let layer = AuthenticateLayer::new(verifier.clone()).require(Requirement::service_account());
    let never = service_fn(|_: Request<Body>| pending::<Result<Reply, Infallible>>());
    let user = passport.user_token("ada").build();
    verifier.verify(&user).await.unwrap();
    let rejected = |method: Method, content_type: &str, token: Option<&str>| {
        let mut request = Request::new(Body::new(StreamBody::new(stream::pending::<FrameOfBody>())));
        (*request.version_mut(), *request.method_mut()) = (Version::HTTP_3, method);
        request.headers_mut().insert(CONTENT_TYPE, content_type.parse().unwrap());
        if let Some(token) = token {
            let token = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert(AUTHORIZATION, token);
        }
        // The response is ready at the first poll, although the request body is pending.
        let response = assert_ready_ok!(task::spawn(layer.layer(never).call(request)).poll());
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let seen = (response.status().as_u16(), header("content-type"), header("grpc-status"));
        (seen, response.into_body().collect().now_or_never().unwrap().unwrap().to_bytes())
    };
    for (token, status, code) in
        [(None, 401, "16"), (Some("junk"), 401, "16"), (Some(user.as_str()), 403, "7")]
    {
        for (method, content_type) in [
            (Method::GET, "application/grpc"),
            (Method::GET, "application/grpc-web"),
            (Method::POST, "application/json"),
        ] {
            let (seen, body) = rejected(method, content_type, token);
            assert_eq!(seen, (status, Some("application/json".to_owned()), None), "{content_type}");
            assert!(body.starts_with(b"{"), "{body:?}");
        }
        let (seen, body) = rejected(Method::POST, "application/grpc+proto", token);
        assert_eq!(seen, (200, Some("application/grpc".to_owned()), Some(code.to_owned())));
        assert!(body.is_empty(), "{body:?}");
        for content_type in ["application/grpc-web+proto", "application/grpc-web-text"] {
            let (seen, body) = rejected(Method::POST, content_type, token);
            assert_eq!(seen, (200, Some(content_type.to_owned()), None));
            let text = BASE64_STANDARD.decode(&body).unwrap_or_else(|_| body.to_vec());
            let expected = format!("grpc-status: {code}\r\n");
            assert!(text.starts_with(b"\x80") && text[5..].starts_with(expected.as_bytes()), "{body:?}");
        }
    }
}

#[tokio::test]
async fn rejection_after_a_jwks_refresh_has_layer_settings() {
    let passport = DevPassport::start().await.unwrap();
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(done()) });
    let mut service = layer(&passport).without_error_details().layer(inner);
    let expired = passport.user_token("u").expired_for(Duration::from_secs(120)).build();
    let mut waiting = task::spawn(service.call(with_token(&expired)));
    assert_pending!(waiting.poll(), "no keys are cached");
    let response = waiting.await.unwrap();
    let issuer = Some(IssuerName::new(passport.issuer()));
    let rejection = Rejection::Token { reason: RejectionReason::Expired, issuer };
    assert_eq!(response.extensions().get(), Some(&rejection));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"error":"invalid_token"}"#);
}

#[tokio::test]
async fn authenticate_service_is_ready_when_its_inner_service_is() {
    let passport = DevPassport::start().await.unwrap();
    assert_ready_with_inner_service(&layer(&passport));
}

#[tokio::test]
async fn caller_is_recorded_on_the_current_span() {
    let log = Log::listen(tracing::Level::INFO);
    let passport = DevPassport::start().await.unwrap();
    let (mock, mut handle) = mock::pair::<Request<()>, Reply>();
    let mut service = layer(&passport).record_caller().layer(mock);
    let token = passport.user_token("user-7").build();
    let response = async {
        let response = service.ready().await.unwrap().call(with_token(&token)).await;
        tracing::info!("response sent");
        response.unwrap()
    };
    let span = tracing::info_span!("request", enduser.id = Empty, passport.tenant_id = Empty);
    tokio::join!(response.instrument(span), async {
        handle.next_request().await.unwrap().1.send_response(done());
    });
    let lines = log.lines_with("response sent");
    assert!(lines[0].contains("enduser.id=\"user-7\" passport.tenant_id=\"tenant-1\""), "{lines:?}");
}

#[tokio::test]
async fn request_without_a_verified_token_is_anonymous() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build().unwrap();
    let token = passport.user_token("smuggled").build();
    let smuggled = verifier.verify(&token).await.unwrap();
    let public = layer(&passport).public_paths(["/"]).unwrap();
    for (layer, mut request) in
        [(layer(&passport).optional(), Request::new(())), (public, with_token("unverified"))]
    {
        let existing = CallerToken::new(AccessToken::new(&token, smuggled.expires_at()).unwrap());
        request.extensions_mut().insert(existing);
        request.extensions_mut().insert(smuggled.clone());
        let (mock, mut handle) = mock::pair::<Request<()>, Reply>();
        let mut service = layer.layer(mock);
        let response = service.ready().await.unwrap().call(request);
        let (_, seen) = tokio::join!(response, async {
            let (request, respond) = handle.next_request().await.unwrap();
            respond.send_response(done());
            request
        });
        let extensions = seen.extensions();
        assert!(extensions.get::<IdInfo>().is_none() && extensions.get::<CallerToken>().is_none());
        assert!(extensions.get::<Anonymous>().is_some());
        assert!(seen.headers().values().all(http::HeaderValue::is_sensitive));
    }
}
