//! Tests of the retry of a request after a receiver rejected its token.

use std::time::Duration;

use http_body_util::{BodyExt, StreamBody};

use super::*;

const OLD_ENOUGH: Duration = Duration::from_secs(5);

/// Returns a client with `retry_unauthorized` whose cached token is old enough to be replaced.
async fn retrying_client(source: &Arc<ScriptedSource>) -> (AttachToken<Mock, RetryCloned>, Handle) {
    let layer = layer(source).retry_unauthorized();
    let (mock, mut handle) = mock::pair();
    let mut client = layer.layer(mock);
    handle.allow(1);
    let first = client.ready().await.unwrap().call(request(API));
    let (first, _) = tokio::join!(first, respond(&mut handle, Response::new("first")));
    assert_eq!(first.unwrap().into_body(), "first");
    source.clock.advance(OLD_ENOUGH);
    (client, handle)
}

#[tokio::test]
async fn rejected_request_is_retried_with_a_new_token() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(2);
    let mut sent = request(API);
    sent.headers_mut().insert("x-own", "kept".parse().unwrap());
    sent.extensions_mut().insert(7_u8);
    let response = client.ready().await.unwrap().call(sent);
    let (response, again) = tokio::join!(response, async {
        assert_eq!(token_of(&respond(&mut handle, rejection_response()).await), "Bearer token-1");
        respond(&mut handle, Response::new("done")).await
    });
    assert_eq!(response.unwrap().into_body(), "done");
    assert_eq!(again.headers().get_all(AUTHORIZATION).iter().collect::<Vec<_>>(), ["Bearer token-2"]);
    assert!(again.headers()[AUTHORIZATION].is_sensitive());
    assert_eq!(
        (again.uri().to_string().as_str(), &again.headers()["x-own"]),
        (API, &"kept".parse().unwrap())
    );
    assert_eq!(again.extensions().get(), Some(&7_u8));
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn retry_is_counted() {
    let measured = measured(async {
        let (mut client, mut handle) = retrying_client(&ScriptedSource::new()).await;
        handle.allow(2);
        let response = client.ready().await.unwrap().call(request(API));
        let (response, _) = tokio::join!(response, async {
            respond(&mut handle, rejection_response()).await;
            respond(&mut handle, Response::new("done")).await
        });
        response.unwrap();
    });
    assert_eq!(measured.await["passport_outbound_retries_total"], 1.0);
}

#[tokio::test]
async fn overwritten_header_is_overwritten_again_on_retry() {
    let source = ScriptedSource::new();
    let (mock, mut handle) = mock::pair();
    let layer = layer(&source).existing_authorization(ExistingAuthorization::Overwrite).retry_unauthorized();
    let mut client = layer.layer(mock);
    handle.allow(10);
    let with_header = || {
        let mut request = request(API);
        request.headers_mut().insert(AUTHORIZATION, "Basic abc".parse().unwrap());
        request
    };
    let first = client.ready().await.unwrap().call(with_header());
    tokio::join!(first, respond(&mut handle, Response::new("first"))).0.unwrap();
    source.clock.advance(OLD_ENOUGH);
    let response = client.ready().await.unwrap().call(with_header());
    let (response, again) = tokio::join!(response, async {
        respond(&mut handle, rejection_response()).await;
        respond(&mut handle, Response::new("done")).await
    });
    assert_eq!(response.unwrap().into_body(), "done");
    assert_eq!(again.headers().get_all(AUTHORIZATION).iter().collect::<Vec<_>>(), ["Bearer token-2"]);
}

#[tokio::test]
async fn dropped_caller_does_not_cancel_the_replacement() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(10);
    source.hold();
    let mut response = task::spawn(client.ready().await.unwrap().call(request(API)));
    assert_pending!(response.poll());
    respond(&mut handle, rejection_response()).await;
    assert_pending!(response.poll());
    drop(response);
    source.release();
    tokio::task::yield_now().await;
    let next = client.ready().await.unwrap().call(request(API));
    let (_, seen) = tokio::join!(next, respond(&mut handle, Response::new("done")));
    assert_eq!(token_of(&seen), "Bearer token-2");
}

#[tokio::test]
async fn second_rejection_is_the_response() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(10);
    let response = client.ready().await.unwrap().call(request(API));
    let (response, ()) = tokio::join!(response, async {
        respond(&mut handle, rejection_response()).await;
        respond(&mut handle, rejection_response()).await;
    });
    assert_eq!(response.unwrap().status(), 401);
    assert_pending!(handle.poll_request());
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn without_retry_the_rejection_is_the_response() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = client(&source);
    handle.allow(10);
    for (token, response) in
        [("Bearer token-1", Response::new("done")), ("Bearer token-1", rejection_response())]
    {
        let sent = client.ready().await.unwrap().call(request(API));
        let (_, seen) = tokio::join!(sent, respond(&mut handle, response));
        assert_eq!(token_of(&seen), token);
        source.clock.advance(OLD_ENOUGH);
    }
    tokio::task::yield_now().await;
    let sent = client.ready().await.unwrap().call(request(API));
    let (_, seen) = tokio::join!(sent, respond(&mut handle, Response::new("done")));
    assert_eq!(token_of(&seen), "Bearer token-2");
}

#[tokio::test]
async fn insufficient_scope_is_returned_unchanged() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(10);
    let mut insufficient = rejection_response();
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"payroll.write\"";
    insufficient.headers_mut().insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
    let response = client.ready().await.unwrap().call(request(API));
    let (response, _) = tokio::join!(response, respond(&mut handle, insufficient));
    let response = response.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()[WWW_AUTHENTICATE]),
        (401, &challenge.parse().unwrap())
    );
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn rejection_is_the_response_without_another_token() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(10);
    source.fail_next(TokenErrorKind::Unavailable);
    let response = client.ready().await.unwrap().call(request(API));
    let (response, _) = tokio::join!(response, respond(&mut handle, rejection_response()));
    let response = response.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.into_body(), "rejected");
}

#[tokio::test]
async fn request_is_not_retried_with_the_same_token() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(10);
    source.fail_next(TokenErrorKind::Unavailable);
    for _ in 0..2 {
        let response = client.ready().await.unwrap().call(request(API));
        let (response, _) = tokio::join!(response, respond(&mut handle, rejection_response()));
        assert_eq!(response.unwrap().status(), 401);
        assert_pending!(handle.poll_request());
    }
}

/// `ConcurrencyLimit` panics if it is called before `poll_ready` returned `Ready`.
#[tokio::test]
async fn retry_waits_until_the_service_is_ready() {
    let source = ScriptedSource::new();
    let (mock, mut handle) = mock::pair::<Request<()>, MockResponse>();
    let mut client = layer(&source).retry_unauthorized().layer(ConcurrencyLimit::new(mock, 1));
    handle.allow(1);
    let first = client.ready().await.unwrap().call(request(API));
    tokio::join!(first, respond(&mut handle, Response::new("first"))).0.unwrap();
    source.clock.advance(OLD_ENOUGH);

    handle.allow(1);
    let mut response = task::spawn(client.ready().await.unwrap().call(request(API)));
    assert_pending!(response.poll());
    respond(&mut handle, rejection_response()).await;
    assert_pending!(response.poll());
    tokio::task::yield_now().await;
    assert_pending!(response.poll(), "the inner service is not ready");
    assert_pending!(handle.poll_request());
    handle.allow(1);
    assert_pending!(response.poll());
    assert_eq!(token_of(&respond(&mut handle, Response::new("done")).await), "Bearer token-2");
    assert_eq!(assert_ready_ok!(response.poll()).into_body(), "done");
}

#[tokio::test]
async fn service_failure_before_the_retry_is_an_error() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(1);
    let response = client.ready().await.unwrap().call(request(API));
    let (response, ()) = tokio::join!(response, async {
        respond(&mut handle, rejection_response()).await;
        handle.send_error("broken");
    });
    assert!(response.unwrap_err().to_string().contains("broken"));
}

fn grpc_request() -> Request<()> {
    Request::post(API).header("content-type", "application/grpc+proto").body(()).unwrap()
}

fn grpc(status: Option<&'static str>) -> MockResponse {
    let mut response = Response::new("");
    response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    if let Some(status) = status {
        response.headers_mut().insert("grpc-status", status.parse().unwrap());
    }
    response
}

#[tokio::test]
async fn grpc_status_in_the_headers_is_retried() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(2);
    let response = client.ready().await.unwrap().call(grpc_request());
    let (response, again) = tokio::join!(response, async {
        respond(&mut handle, grpc(Some("16"))).await;
        respond(&mut handle, grpc(None)).await
    });
    assert!(response.is_ok());
    assert_eq!(token_of(&again), "Bearer token-2");
}

/// The status of a request that is not gRPC is its HTTP status.
#[tokio::test]
async fn grpc_status_is_ignored_without_a_grpc_request() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(3);
    let get = request(API);
    let post = Request::post(API).header("content-type", "application/json").body(()).unwrap();
    for request in [get, post] {
        let response = client.ready().await.unwrap().call(request);
        let (response, _) = tokio::join!(response, respond(&mut handle, grpc(Some("16"))));
        assert_eq!(response.unwrap().headers()["grpc-status"], "16");
    }
    assert_eq!(source.calls(), 1);
}

/// A server can reject the token at the end of a stream, for example because the token has
/// expired.
#[tokio::test]
async fn grpc_trailers_replace_the_token_without_a_retry() {
    let source = ScriptedSource::new();
    let (mock, mut handle) = mock::pair::<Request<()>, _>();
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
    let mut client = AttachTokenLayer::for_grpc(identity(&source), origins).layer(mock);
    handle.allow(10);
    for (round, status) in ["0", "16", "7"].into_iter().enumerate() {
        let trailers =
            http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]);
        let frames = [
            Ok::<_, std::convert::Infallible>(http_body::Frame::data(bytes::Bytes::from_static(b"message"))),
            Ok(http_body::Frame::trailers(trailers)),
        ];
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let sent = client.ready().await.unwrap().call(grpc_request());
        let (response, ()) = tokio::join!(sent, async {
            let respond = handle.next_request().await.unwrap().1;
            respond.send_response(grpc(None).map(|_| body));
        });
        let collected = response.unwrap().into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], status);
        assert_eq!(collected.to_bytes(), "message");
        tokio::task::yield_now().await;
        source.clock.advance(OLD_ENOUGH);
        assert_eq!(source.calls(), if round == 0 { 1 } else { 2 }, "{status}");
    }
}

#[tokio::test]
async fn concurrent_retries_share_one_replacement() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = retrying_client(&source).await;
    handle.allow(40);
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(client.ready().await.unwrap().call(request(API)));
    }
    let (responses, ()) = tokio::join!(futures_util::future::join_all(calls), async {
        for _ in 0..20 {
            assert_eq!(token_of(&respond(&mut handle, rejection_response()).await), "Bearer token-1");
        }
        for _ in 0..20 {
            assert_eq!(token_of(&respond(&mut handle, Response::new("done")).await), "Bearer token-2");
        }
    });
    assert!(responses.into_iter().all(|response| response.unwrap().status() == 200));
    assert_eq!(source.calls(), 2);
}
