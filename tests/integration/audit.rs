//! Audit events and traces of accepted and rejected requests.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{Router, http::StatusCode, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use passport_dev::DevPassport;
use passport_inbound::{AuditEvent, AuditLayer, AuditSink, AuthenticateLayer, Requirement};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::harness::{serve, status_with, traced, verifier};

/// Caller, reason of a rejection, method and path, and status.
type Record = (Option<String>, Option<String>, String, Option<u16>);

#[derive(Clone, Debug, Default)]
struct RecordingSink(Arc<Mutex<Vec<Record>>>);

impl AuditSink for RecordingSink {
    fn record(&self, event: &AuditEvent<'_>) {
        let caller = event.caller.map(|caller| caller.user_id().to_owned());
        let reason = event.rejection.map(ToString::to_string);
        let place = format!("{} {}", event.method, event.path);
        let status = event.status.map(|status| status.as_u16());
        self.0.lock().unwrap().push((caller, reason, place, status));
    }
}

async fn api(passport: &DevPassport, audit: AuditLayer) -> String {
    let router = Router::new()
        .route("/ok", get(|| async {}))
        .route("/gone", get(|| async { StatusCode::GONE }))
        .layer(AuthenticateLayer::new(verifier(passport)).require(Requirement::tenant("tenant-1")))
        .layer(audit);
    serve(router).await
}

#[tokio::test]
async fn sink_gets_callers_and_rejections_without_the_query() {
    let passport = DevPassport::start().await.unwrap();
    let sink = RecordingSink::default();
    let api = api(&passport, AuditLayer::with_sink(sink.clone())).await;
    let service = passport.managed_identity("payroll").create().token().build();
    let stranger = passport.user_token("eve").tenant("tenant-2").build();
    assert_eq!(status_with(&format!("{api}/ok?access_token=passw0rd"), Some(&service)).await, 200);
    assert_eq!(status_with(&format!("{api}/gone"), Some(&passport.user_token("ada").build())).await, 410);
    assert_eq!(status_with(&format!("{api}/ok"), Some(&stranger)).await, 403);
    assert_eq!(status_with(&format!("{api}/ok"), None).await, 401);
    let line = |caller: Option<&str>, reason: Option<&str>, place: &str, status| {
        (caller.map(str::to_owned), reason.map(str::to_owned), place.to_owned(), Some(status))
    };
    assert_eq!(
        *sink.0.lock().unwrap(),
        [
            line(Some("mi-payroll-clientid"), None, "GET /ok", 200),
            line(Some("ada"), None, "GET /gone", 410),
            line(Some("eve"), Some("requirement not met: tenant tenant-1"), "GET /ok", 403),
            line(None, Some("missing credentials"), "GET /ok", 401),
        ]
    );
}

#[tokio::test]
async fn trace_has_managed_identities_and_rejections_but_no_users() {
    let passport = DevPassport::start().await.unwrap();
    let output = traced(async {
        let api = api(&passport, AuditLayer::new()).await;
        let service = passport.managed_identity("payroll").create().token().build();
        status_with(&format!("{api}/ok?q=passw0rd"), Some(&service)).await;
        status_with(&format!("{api}/gone"), Some(&passport.user_token("ada").build())).await;
        status_with(&format!("{api}/{}", passport.user_token("eve").build()), None).await;
        String::new()
    })
    .await;
    let audit: Vec<_> = output.lines().filter(|line| line.contains("passport_inbound::audit")).collect();
    assert_eq!(audit.len(), 2, "{audit:#?}");
    for part in
        ["event_type=\"mi.api.call\"", "managed_identity_id=mi-guid-", "api_path=/ok", "http_status=200"]
    {
        assert!(audit[0].contains(part), "{part}: {}", audit[0]);
    }
    assert!(
        audit[1].contains("event_type=\"api.rejected\" rejection_reason=missing credentials"),
        "{}",
        audit[1]
    );
    assert!(audit.iter().all(|line| !line.contains("eyJ") && !line.contains("passw0rd")), "{audit:#?}");
}

#[tokio::test]
async fn call_canceled_by_the_client_is_recorded() {
    let passport = DevPassport::start().await.unwrap();
    let (sink, outer) = (RecordingSink::default(), RecordingSink::default());
    let never =
        service_fn(|_: Request<()>| std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let service = ServiceBuilder::new()
        .layer(AuditLayer::with_sink(outer.clone()))
        .layer(AuditLayer::with_sink(sink.clone()))
        .layer(AuthenticateLayer::new(verifier(&passport)))
        .service(never);
    let token = format!("Bearer {}", passport.managed_identity("payroll").create().token().build());
    let long = format!("/tenants/{}/records", "7".repeat(200));
    // 500 ms leave enough time for the JWKS fetch before the handler is called.
    let request = |path: &str| Request::post(path).header("authorization", &token).body(()).unwrap();
    let calling =
        tokio::time::timeout(std::time::Duration::from_millis(500), service.oneshot(request(&long)));
    assert!(calling.await.is_err());
    for sink in [sink, outer] {
        let expected = (Some("mi-payroll-clientid".to_owned()), None, format!("POST {long}"), None);
        assert_eq!(*sink.0.lock().unwrap(), [expected], "each layer records the call");
    }
}

#[tokio::test]
async fn audit_event_has_the_grpc_web_status_of_a_rejection() {
    #[derive(Clone, Debug, Default)]
    struct Statuses(Arc<Mutex<Vec<Option<u8>>>>);

    impl AuditSink for Statuses {
        fn record(&self, event: &AuditEvent<'_>) {
            self.0.lock().unwrap().push(event.grpc_status);
        }
    }

    let passport = DevPassport::start().await.unwrap();
    let statuses = Statuses::default();
    let api = api(&passport, AuditLayer::with_sink(statuses.clone())).await;
    for content_type in ["application/grpc", "application/grpc-web-text", "application/json"] {
        let request = crate::harness::http().post(format!("{api}/ok")).header("content-type", content_type);
        request.send().await.unwrap();
    }
    assert_eq!(*statuses.0.lock().unwrap(), [Some(16), Some(16), None]);
}
