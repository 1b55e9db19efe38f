//! Tests of the `Host` header, which must name the host and port of the request's origin.

use http::{Uri, header::HOST};

use super::*;

/// Sends a request to `uri` with the `Host` headers `hosts`. Returns the error if the layer
/// rejects the request.
async fn send(origins: AllowedOrigins, uri: &str, hosts: &[&str]) -> Result<(), AttachError> {
    let source = ScriptedSource::new();
    let (mock, mut handle) = mock::pair();
    let mut client = AttachTokenLayer::new(identity(&source), origins).layer(mock);
    handle.allow(1);
    let mut request = request(uri);
    for host in hosts {
        request.headers_mut().append(HOST, http::HeaderValue::from_bytes(host.as_bytes()).unwrap());
    }
    let mut response = task::spawn(client.ready().await.unwrap().call(request));
    if let std::task::Poll::Ready(result) = response.poll() {
        assert_eq!(source.calls(), 0, "no token is fetched for a rejected request");
        return Err(*result.unwrap_err().downcast::<AttachError>().unwrap());
    }
    let (response, sent) = tokio::join!(response, respond(&mut handle, Response::new("done")));
    assert_eq!(token_of(&sent), "Bearer token-1");
    assert_eq!(response.unwrap().into_body(), "done");
    Ok(())
}

fn listed() -> AllowedOrigins {
    AllowedOrigins::new(["https://api.bizfirst.ai", "https://erp.bizfirst.ai:8443", "http://[::1]:8080"])
        .unwrap()
}

#[tokio::test]
async fn host_header_equal_to_the_uris_authority_is_sent() {
    for (uri, host) in [
        (API, "api.bizfirst.ai"),
        (API, "API.BizFirst.ai"),
        (API, "api.bizfirst.ai:443"),
        ("https://api.bizfirst.ai:443/x", "api.bizfirst.ai"),
        ("https://erp.bizfirst.ai:8443/x", "erp.bizfirst.ai:8443"),
        ("http://[::1]:8080/x", "[0:0:0:0:0:0:0:1]:8080"),
    ] {
        assert_eq!(send(listed(), uri, &[host]).await, Ok(()), "{uri} {host}");
    }
    assert_eq!(send(listed(), API, &[]).await, Ok(()));
}

#[tokio::test]
async fn host_header_of_another_host_is_rejected() {
    for (uri, host) in [
        (API, "other.example"),
        (API, "api.bizfirst.ai.evil.example"),
        (API, "api.bizfirst.ai."),
        (API, "api.bizfirst.ai:8443"),
        (API, "api.bizfirst.ai:80"),
        (API, "api.bizfirst.ai:"),
        (API, "api.bizfirst.ai:70000"),
        (API, "user@api.bizfirst.ai"),
        (API, "api.bizfirst.ai, other.example"),
        (API, "https://api.bizfirst.ai"),
        (API, "api.bizfirst.ai/x"),
        (API, "bücher.example"),
        (API, ""),
        // These headers name the host of an allowed origin, but not of the URI's origin.
        (API, "erp.bizfirst.ai:8443"),
        ("https://erp.bizfirst.ai:8443/x", "erp.bizfirst.ai"),
    ] {
        assert_eq!(send(listed(), uri, &[host]).await, Err(AttachError::HostMismatch), "{uri} {host}");
    }
}

#[tokio::test]
async fn several_host_headers_are_rejected() {
    for hosts in [
        ["api.bizfirst.ai", "api.bizfirst.ai"],
        ["api.bizfirst.ai", "other.example"],
        ["other.example", "api.bizfirst.ai"],
    ] {
        assert_eq!(send(listed(), API, &hosts).await, Err(AttachError::DuplicateHost), "{hosts:?}");
    }
}

#[tokio::test]
async fn any_https_origin_still_binds_the_host_header() {
    let any = AllowedOrigins::danger_any_https;
    assert_eq!(send(any(), "https://a.example/x", &["A.example:443"]).await, Ok(()));
    for host in ["b.example", "a.example:8443"] {
        let result = send(any(), "https://a.example/x", &[host]).await;
        assert_eq!(result, Err(AttachError::HostMismatch), "{host}");
    }
}

#[tokio::test]
async fn host_header_above_a_channel_must_name_its_host() {
    let channel = AllowedOrigins::channel(&Uri::from_static("https://grpc.bizfirst.ai")).unwrap();
    for origins in [channel.clone(), channel.union(&listed())] {
        let origins = || origins.clone();
        assert_eq!(send(origins(), "/payroll.Payroll/Run", &[]).await, Ok(()));
        assert_eq!(send(origins(), "/payroll.Payroll/Run", &["grpc.bizfirst.ai:443"]).await, Ok(()));
        for host in ["api.bizfirst.ai", "other.example", "grpc.bizfirst.ai:50051"] {
            let result = send(origins(), "/payroll.Payroll/Run", &[host]).await;
            assert_eq!(result, Err(AttachError::HostMismatch), "{host}");
        }
    }
}

#[tokio::test]
async fn kept_authorization_header_does_not_skip_the_host_check() {
    let (mock, mut handle) = mock::pair::<Request<()>, MockResponse>();
    let existing = layer(&ScriptedSource::new()).existing_authorization(ExistingAuthorization::Keep);
    let mut client = existing.layer(mock);
    handle.allow(1);
    let mut request = request(API);
    request.headers_mut().insert(AUTHORIZATION, "Bearer a-user".parse().unwrap());
    request.headers_mut().insert(HOST, "other.example".parse().unwrap());
    let error = client.ready().await.unwrap().call(request).await.unwrap_err();
    assert_eq!(*error.downcast::<AttachError>().unwrap(), AttachError::HostMismatch);
    assert_pending!(handle.poll_request());
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn reqwest_request_gets_the_same_host_check() {
    use crate::attach::{allowed_origins, host_header, request::sealed::RequestParts};

    let rules = |host: &str| {
        let mut request = reqwest::Request::new(reqwest::Method::GET, API.parse().unwrap());
        request.headers_mut().insert(HOST, host.parse().unwrap());
        host_header::check(
            RequestParts::headers(&request),
            &listed(),
            allowed_origins::MatchedOrigin::Listed(0),
        )
    };
    assert_eq!(rules("api.bizfirst.ai"), Ok(()));
    assert_eq!(rules("other.example"), Err(AttachError::HostMismatch));
}
