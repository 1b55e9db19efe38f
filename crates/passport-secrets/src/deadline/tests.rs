use passport_core::{HttpClient, TransportErrorKind};

use super::*;
use crate::{last_failure::FailedRequest, sanitize::LIMITS};

#[derive(Debug)]
struct Unreachable;

impl HttpClient for Unreachable {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        Err(TransportError::new(TransportErrorKind::Connect))
    }
}

#[tokio::test(start_paused = true)]
async fn timed_out_read_names_the_last_failure() {
    let transport = Transport::new(Unreachable);
    let request = Request::get("https://vault.example.com").body(Bytes::new()).unwrap();
    let read = async {
        send(&transport, request, LIMITS).await.unwrap_err();
        std::future::pending().await
    };
    let reference: SecretRef = "vault:payroll".parse().unwrap();
    let error = within_deadline::<()>(&reference, read).await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unavailable);
    let cause =
        "did not return the secret within 9 s; last failure: vault.example.com: no connection could be made";
    assert!(error.to_string().contains(cause), "{error}");
    assert!(passport_core::chain(&error).any(<dyn std::error::Error>::is::<FailedRequest>));
}

#[tokio::test(start_paused = true)]
async fn timed_out_read_without_a_request_is_unavailable() {
    let reference: SecretRef = "vault:payroll".parse().unwrap();
    let error = within_deadline::<()>(&reference, std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unavailable);
    assert!(
        error.to_string().contains("the vault did not return the secret within 9 s; check the vault"),
        "{error}"
    );
}
