//! Tests of the identity of a request: the service's own identity, or the caller's.

use std::time::{Duration, UNIX_EPOCH};

use passport_core::{AccessToken, CallerToken, ManualClock};

use super::*;
use crate::{CallerIdentity, Identity, RequestIdentity};

const NOW: u32 = 1_750_000_000;

/// Returns a caller's token that expires one minute after [`NOW`].
fn caller(token: &str) -> CallerToken {
    expiring(token, u64::from(NOW) + 60)
}

fn expiring(token: &str, at: u64) -> CallerToken {
    CallerToken::new(AccessToken::new(token, UNIX_EPOCH + Duration::from_secs(at)).unwrap())
}

fn with_manual_clock(caller: CallerIdentity) -> CallerIdentity {
    caller.clock(ManualClock::at_unix_seconds(NOW))
}

fn client_of(identity: impl Into<Identity>) -> (AttachToken<Mock>, Handle) {
    let (mock, mut handle) = mock::pair();
    handle.allow(10);
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
    (AttachTokenLayer::new(identity, origins).layer(mock), handle)
}

fn from(caller: CallerToken) -> Request<()> {
    let mut request = request(API);
    request.extensions_mut().insert(caller);
    request
}

/// Sends `request` through the layer; the mock receiver responds with `status`. Returns the
/// `Authorization` header that the receiver got, and the status of the response from the layer.
async fn sent(
    (client, handle): &mut (AttachToken<Mock>, Handle),
    request: Request<()>,
    status: StatusCode,
) -> (String, StatusCode) {
    let mut reply = Response::new("");
    *reply.status_mut() = status;
    let response = client.ready().await.unwrap().call(request);
    let (response, sent) = tokio::join!(response, respond(handle, reply));
    (token_of(&sent).to_owned(), response.unwrap().status())
}

async fn attach_error(
    (client, handle): &mut (AttachToken<Mock>, Handle),
    request: Request<()>,
) -> AttachError {
    let error = client.ready().await.unwrap().call(request).await.unwrap_err();
    assert_pending!(handle.poll_request(), "nothing is sent");
    *error.downcast().unwrap()
}

#[tokio::test]
async fn callers_token_is_forwarded_unchanged() {
    let given = with_manual_clock(CallerIdentity::from_token(caller("given")));
    let mut client = client_of(given.clone());
    assert_eq!(sent(&mut client, request(API), StatusCode::OK).await.0, "Bearer given");
    assert_eq!(sent(&mut client, from(caller("of-request")), StatusCode::OK).await.0, "Bearer given");

    let mut client = client_of(with_manual_clock(CallerIdentity::from_extensions()));
    assert_eq!(sent(&mut client, from(caller("of-request")), StatusCode::OK).await.0, "Bearer of-request");

    let mut client = client_of(with_manual_clock(CallerIdentity::from_task_local()));
    let within = caller("of-task").scope(sent(&mut client, request(API), StatusCode::OK)).await;
    assert_eq!(within.0, "Bearer of-task");
    let named = caller("of-task").scope(sent(&mut client, from(caller("named")), StatusCode::OK)).await;
    assert_eq!(named.0, "Bearer named", "the extensions take precedence over the task");
}

#[tokio::test]
async fn task_local_is_read_only_if_configured() {
    let mut client = client_of(with_manual_clock(CallerIdentity::from_extensions()));
    let error = caller("of-task").scope(attach_error(&mut client, request(API))).await;
    assert_eq!(error, AttachError::MissingCallerToken);
}

#[tokio::test]
async fn request_without_a_caller_fails_unless_or_is_set() {
    let mut client = client_of(with_manual_clock(CallerIdentity::from_extensions()));
    assert_eq!(attach_error(&mut client, request(API)).await, AttachError::MissingCallerToken);

    let source = ScriptedSource::new();
    let mut client = client_of(with_manual_clock(CallerIdentity::from_extensions()).or(identity(&source)));
    assert_eq!(sent(&mut client, request(API), StatusCode::OK).await.0, "Bearer token-1");
    assert_eq!(sent(&mut client, from(caller("user")), StatusCode::OK).await.0, "Bearer user");
}

#[tokio::test]
async fn expired_caller_does_not_become_the_service() {
    let source = ScriptedSource::new();
    for identity in [
        with_manual_clock(CallerIdentity::from_extensions()).into(),
        with_manual_clock(CallerIdentity::from_extensions()).or(identity(&source)),
    ] {
        let mut client = client_of(identity);
        let expired = from(expiring("old", u64::from(NOW)));
        assert_eq!(attach_error(&mut client, expired).await, AttachError::CallerTokenExpired);
        let alive = from(expiring("young", u64::from(NOW) + 1));
        assert_eq!(sent(&mut client, alive, StatusCode::OK).await.0, "Bearer young");
    }
    assert_eq!(source.calls(), 0);
}

#[tokio::test]
async fn rejection_of_the_callers_token_is_the_response() {
    let source = ScriptedSource::new();
    let mut client = client_of(with_manual_clock(CallerIdentity::from_extensions()).or(identity(&source)));
    for _ in 0..3 {
        let (token, status) = sent(&mut client, from(caller("user")), StatusCode::UNAUTHORIZED).await;
        assert_eq!((token.as_str(), status), ("Bearer user", StatusCode::UNAUTHORIZED));
    }
    assert_eq!(source.calls(), 0);
}

#[tokio::test]
async fn callers_token_is_not_sent_to_another_origin() {
    let mut client = client_of(with_manual_clock(CallerIdentity::from_token(caller("user"))));
    let error = attach_error(&mut client, request("https://evil.example/")).await;
    assert!(matches!(error, AttachError::OriginNotAllowed { .. }), "{error}");
}

/// If the client does not expose the extensions, like reqwest, the error must not say that the
/// caller's token is missing.
#[test]
fn unavailable_extensions_are_not_a_missing_caller() {
    let source = ScriptedSource::new();
    let unseen = |identity: Identity| identity.select(None).map(drop).map_err(AttachError::from);
    let from_extensions = || with_manual_clock(CallerIdentity::from_extensions());
    assert_eq!(unseen(from_extensions().into()), Err(AttachError::ExtensionsUnavailable));
    assert_eq!(unseen(from_extensions().or(identity(&source))), Err(AttachError::ExtensionsUnavailable));
    assert_eq!(
        unseen(with_manual_clock(CallerIdentity::from_task_local()).into()),
        Err(AttachError::MissingCallerToken)
    );
    assert_eq!(
        unseen(with_manual_clock(CallerIdentity::from_token(caller("user"))).or(identity(&source))),
        Ok(())
    );
}

#[tokio::test]
async fn request_without_a_caller_is_counted() {
    let mut client =
        client_of(with_manual_clock(CallerIdentity::from_extensions()).or(identity(&ScriptedSource::new())));
    let measured = measured(async {
        sent(&mut client, request(API), StatusCode::OK).await;
        sent(&mut client, from(caller("user")), StatusCode::OK).await;
    });
    assert_eq!(measured.await["passport_outbound_without_caller_total"].to_string(), "1");
}

#[tokio::test]
async fn identity_type_in_the_extensions_has_no_effect() {
    let (default, other) = (ScriptedSource::new(), ScriptedSource::with_tokens_called("other"));
    let mut client = client_of(identity(&default));
    let mut request = request(API);
    request.extensions_mut().insert(Identity::from(identity(&other)));
    assert_eq!(sent(&mut client, request, StatusCode::OK).await.0, "Bearer token-1");
}

#[tokio::test]
async fn request_identity_applies_to_one_request() {
    let (default, other) = (ScriptedSource::new(), ScriptedSource::with_tokens_called("other"));
    let mut client = client_of(identity(&default));
    let mut named = request(API);
    named.extensions_mut().insert(RequestIdentity::new(identity(&other)));
    assert_eq!(sent(&mut client, named, StatusCode::OK).await.0, "Bearer other-1");
    assert_eq!(sent(&mut client, request(API), StatusCode::OK).await.0, "Bearer token-1");

    let mut as_user = from(caller("user"));
    as_user
        .extensions_mut()
        .insert(RequestIdentity::new(with_manual_clock(CallerIdentity::from_extensions())));
    assert_eq!(sent(&mut client, as_user, StatusCode::OK).await.0, "Bearer user");
}

#[tokio::test]
async fn managed_identity_ignores_a_caller_in_the_extensions() {
    let mut client = client_of(identity(&ScriptedSource::new()));
    assert_eq!(sent(&mut client, from(caller("user")), StatusCode::OK).await.0, "Bearer token-1");
}
