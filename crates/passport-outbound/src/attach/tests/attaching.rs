use std::task::Poll;

use tower::retry;

use super::*;

#[tokio::test]
async fn request_carries_the_token_and_is_otherwise_unchanged() {
    let (mut client, mut handle) = client(&ScriptedSource::new());
    handle.allow(2);
    for _ in 0..2 {
        let mut sent = request(API);
        sent.headers_mut().insert("x-own", "kept".parse().unwrap());
        let response = client.ready().await.unwrap().call(sent);
        let (seen, reply) = tokio::join!(response, async {
            let (seen, respond) = handle.next_request().await.unwrap();
            respond.send_response(Response::new("done"));
            seen
        });
        assert_eq!(seen.unwrap().into_body(), "done");
        assert_eq!(reply.headers()[AUTHORIZATION], "Bearer token-1");
        assert!(reply.headers()[AUTHORIZATION].is_sensitive());
        assert_eq!(reply.headers()["x-own"], "kept");
        assert_eq!(reply.uri(), API);
    }
}

#[tokio::test]
async fn request_waits_for_the_first_token_and_is_sent_once() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = client(&source);
    handle.allow(1);
    source.hold();
    let mut response = task::spawn(client.ready().await.unwrap().call(request(API)));
    assert_pending!(response.poll());
    assert_pending!(handle.poll_request(), "nothing is sent without a token");
    source.release();
    tokio::task::yield_now().await;
    assert_pending!(response.poll());
    let (sent, respond) = handle.next_request().await.unwrap();
    assert_eq!(sent.headers()[AUTHORIZATION], "Bearer token-1");
    respond.send_response(Response::new("done"));
    assert_eq!(assert_ready_ok!(response.poll()).into_body(), "done");
}

#[tokio::test]
async fn request_without_a_token_fails_and_is_not_sent() {
    let source = ScriptedSource::new();
    source.fail_next(TokenErrorKind::Rejected);
    let (mut client, mut handle) = client(&source);
    handle.allow(1);
    let error = client.ready().await.unwrap().call(request(API)).await.unwrap_err();
    let error = error.downcast::<TokenError>().unwrap();
    assert_eq!(error.kind(), TokenErrorKind::Rejected);
    assert_pending!(handle.poll_request());
}

#[tokio::test]
async fn token_failure_does_not_fail_poll_ready() {
    let source = ScriptedSource::new();
    source.fail_next(TokenErrorKind::Unavailable);
    let (mut client, mut handle) = client(&source);
    handle.allow(2);
    client.ready().await.unwrap().call(request(API)).await.unwrap_err();
    assert!(client.ready().await.is_ok());
}

#[tokio::test]
async fn a_foreign_origin_gets_no_request_and_no_token() {
    let source = ScriptedSource::new();
    let (mut client, mut handle) = client(&source);
    handle.allow(1);
    for uri in ["https://evil.example/x", "http://api.bizfirst.ai/x", "https://api.bizfirst.ai:8443/x"] {
        let mut response = task::spawn(client.ready().await.unwrap().call(request(uri)));
        let error = assert_ready_err!(response.poll()).downcast::<AttachError>().unwrap();
        assert!(matches!(*error, AttachError::OriginNotAllowed { .. }), "{uri}");
    }
    // The URIs are only a path, have an invalid port, or do not name a resource.
    for uri in [
        "/only/a/path",
        "https://api.bizfirst.ai:70000/x",
        "https://api.bizfirst.ai:/x",
        "*",
        "api.bizfirst.ai:443",
    ] {
        let mut response = task::spawn(client.ready().await.unwrap().call(request(uri)));
        let error = assert_ready_err!(response.poll()).downcast::<AttachError>().unwrap();
        assert_eq!(*error, AttachError::NoOrigin, "{uri}");
    }
    assert_pending!(handle.poll_request());
    assert_eq!(source.calls(), 0, "no token is fetched for a rejected request");
}

#[tokio::test]
async fn existing_authorization_header_is_rejected() {
    let (mut client, mut handle) = client(&ScriptedSource::new());
    handle.allow(1);
    let mut with_header = request(API);
    with_header.headers_mut().insert(AUTHORIZATION, "Bearer a-user".parse().unwrap());
    let error = client.ready().await.unwrap().call(with_header).await.unwrap_err();
    assert_eq!(*error.downcast::<AttachError>().unwrap(), AttachError::AuthorizationPresent);
    assert_pending!(handle.poll_request());
}

/// `ConcurrencyLimit` panics if it is called before `poll_ready` returned `Ready`.
#[tokio::test]
async fn service_that_was_polled_ready_is_called() {
    let source = ScriptedSource::new();
    let (mock, mut handle) = mock::pair::<Request<()>, MockResponse>();
    let mut client = layer(&source).layer(ConcurrencyLimit::new(mock, 1));
    handle.allow(2);

    source.hold();
    let mut cold = task::spawn(client.ready().await.unwrap().call(request(API)));
    assert_pending!(cold.poll());
    {
        let mut next = task::spawn(client.ready());
        assert_pending!(next.poll(), "the waiting request holds the only permit");
    }
    source.release();
    tokio::task::yield_now().await;
    assert_pending!(cold.poll());
    handle.next_request().await.unwrap().1.send_response(Response::new("cold"));
    assert_eq!(assert_ready_ok!(cold.poll()).into_body(), "cold");
    drop(cold);

    let mut warm = task::spawn(client.ready().await.unwrap().call(request(API)));
    assert_pending!(warm.poll());
    handle.next_request().await.unwrap().1.send_response(Response::new("warm"));
    assert_eq!(assert_ready_ok!(warm.poll()).into_body(), "warm");
}

#[tokio::test]
async fn layer_is_ready_only_if_the_inner_service_is() {
    let (mut client, mut handle) = client(&ScriptedSource::new());
    handle.allow(0);
    let poll = task::spawn(()).enter(|cx, _| client.poll_ready(cx));
    assert!(matches!(poll, Poll::Pending));
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn reqwest_request_is_checked_by_its_url() {
    use super::{destination::Destination, request::sealed::RequestParts};

    let url = "https://API.bizfirst.ai:8443/x".parse().unwrap();
    let request = reqwest::Request::new(reqwest::Method::GET, url);
    let expected = Destination::Absolute { scheme: "https", host: "api.bizfirst.ai", port: Some(8443) };
    assert_eq!(request.destination(), expected);
    for uri in ["https://user:pw@api.bizfirst.ai/x", "https://user@api.bizfirst.ai/x"] {
        let request = reqwest::Request::new(reqwest::Method::GET, uri.parse().unwrap());
        assert_eq!(request.destination(), Destination::WithUserInfo);
    }
}

#[tokio::test]
async fn user_information_in_the_uri_is_rejected() {
    let (mut client, mut handle) = client(&ScriptedSource::new());
    handle.allow(1);
    for uri in [
        "https://user:passw0rd@api.bizfirst.ai/x",
        "https://api.bizfirst.ai@evil.example/x",
        "https://@api.bizfirst.ai/",
    ] {
        let error = client.ready().await.unwrap().call(request(uri)).await.unwrap_err();
        assert!(!error.to_string().contains("passw0rd"));
        assert_eq!(*error.downcast::<AttachError>().unwrap(), AttachError::UserInfoPresent, "{uri}");
    }
    assert_pending!(handle.poll_request());
}

#[tokio::test]
async fn existing_authorization_header_is_overwritten_or_kept() {
    use ExistingAuthorization::{Keep, Overwrite};
    for (policy, sent) in [(Overwrite, "Bearer token-1"), (Keep, "Basic abc")] {
        let source = ScriptedSource::new();
        let (mock, mut handle) = mock::pair();
        let mut client = layer(&source).existing_authorization(policy).layer(mock);
        handle.allow(1);
        let mut with_header = request(API);
        with_header.headers_mut().insert(AUTHORIZATION, "Basic abc".parse().unwrap());
        let response = client.ready().await.unwrap().call(with_header);
        let (_, seen) = tokio::join!(response, respond(&mut handle, Response::new("done")));
        assert_eq!(seen.headers().get_all(AUTHORIZATION).iter().collect::<Vec<_>>(), [sent]);
        assert_eq!(source.calls(), usize::from(policy == Overwrite));
    }
}

#[tokio::test]
async fn existing_header_is_sent_to_allowed_origins_only() {
    let source = ScriptedSource::new();
    let (mock, mut handle) = mock::pair();
    let mut client =
        layer(&source).existing_authorization(ExistingAuthorization::Keep).retry_unauthorized().layer(mock);
    handle.allow(2);
    let with_header = |uri| {
        let mut request = request(uri);
        request.headers_mut().insert(AUTHORIZATION, "Bearer a-user".parse().unwrap());
        request
    };
    client.ready().await.unwrap().call(with_header("https://evil.example/")).await.unwrap_err();
    let response = client.ready().await.unwrap().call(with_header(API));
    let (response, _) = tokio::join!(response, respond(&mut handle, rejection_response()));
    assert_eq!(response.unwrap().status(), 401);
    assert_eq!(source.calls(), 0);
}

/// A retry policy that retries until the response is a success.
#[derive(Clone)]
struct RetryUntilSuccess;

impl retry::Policy<Request<()>, MockResponse, BoxError> for RetryUntilSuccess {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<()>,
        result: &mut Result<MockResponse, BoxError>,
    ) -> Option<Self::Future> {
        result.as_ref().is_ok_and(|response| response.status() != 200).then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<()>) -> Option<Request<()>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn retry_above_the_layer_uses_the_current_token() {
    let source = ScriptedSource::new();
    let (client, mut handle) = client(&source);
    let mut client = retry::Retry::new(RetryUntilSuccess, client);
    handle.allow(10);
    let response = client.ready().await.unwrap().call(request(API));
    let (response, ()) = tokio::join!(response, async {
        let mut busy = Response::new("busy");
        *busy.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(token_of(&respond(&mut handle, busy).await), "Bearer token-1");
        source.clock.advance(std::time::Duration::from_secs(3600));
        assert_eq!(token_of(&respond(&mut handle, Response::new("done")).await), "Bearer token-2");
    });
    assert_eq!(response.unwrap().into_body(), "done");
}

#[tokio::test]
async fn failed_call_releases_its_permit() {
    let source = ScriptedSource::new();
    source.fail_next(TokenErrorKind::Rejected);
    let (mock, mut handle) = mock::pair::<Request<()>, MockResponse>();
    let limited = layer(&source).layer(ConcurrencyLimit::new(mock, 1));
    handle.allow(10);
    let mut idle = limited.clone();
    // Three failures: an origin that is not allowed, a failed token fetch, and the backoff after
    // that fetch.
    for uri in ["https://evil.example/", API, API] {
        idle.ready().await.unwrap().call(request(uri)).await.unwrap_err();
        let mut other = limited.clone();
        assert_ready_ok!(task::spawn(other.ready()).poll(), "{uri}");
    }
}

/// Responds with the `Authorization` header of the request.
#[expect(clippy::needless_pass_by_value, reason = "a service takes its requests by value")]
fn echo(request: Request<()>) -> std::future::Ready<Result<Response<String>, std::convert::Infallible>> {
    std::future::ready(Ok(Response::new(token_of(&request).to_owned())))
}

/// Returns the `Authorization` header that the receiver gets, or the error, for each of four calls.
async fn outcomes<S>(mut client: S, header: Option<&str>) -> Vec<Result<String, String>>
where
    S: Service<Request<()>, Response = Response<String>, Error = BoxError>,
{
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        let mut request = request(API);
        if let Some(header) = header {
            request.headers_mut().insert(AUTHORIZATION, header.parse().unwrap());
        }
        let response = client.ready().await.unwrap().call(request).await;
        outcomes.push(response.map(Response::into_body).map_err(|error| error.to_string()));
    }
    outcomes
}

#[tokio::test]
async fn private_copies_and_retries_change_no_outcome() {
    use ExistingAuthorization::{Keep, Overwrite, Reject};
    for existing in [Reject, Overwrite, Keep] {
        for header in [None, Some("Bearer a-user")] {
            let layer = layer(&ScriptedSource::new()).existing_authorization(existing);
            let reused = outcomes(layer.layer(tower::service_fn(echo)), header).await;
            assert_eq!(reused.iter().collect::<std::collections::BTreeSet<_>>().len(), 1, "{existing:?}");
            let retrying = layer.clone().retry_unauthorized().layer(tower::service_fn(echo));
            assert_eq!(outcomes(retrying, header).await, reused, "{existing:?} {header:?}");
            let expected = match (header, existing) {
                (Some(_), Reject) => Err(AttachError::AuthorizationPresent.to_string()),
                (Some(own), Keep) => Ok(own.to_owned()),
                _ => Ok("Bearer token-1".to_owned()),
            };
            assert_eq!(reused[0], expected, "{existing:?} {header:?}");
        }
    }
}
