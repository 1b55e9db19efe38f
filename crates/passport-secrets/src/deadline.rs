//! The time that reading one secret may take: all requests share it.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{Limits, SecretError, SecretErrorKind, SecretRef, Transport, TransportError};
use tokio::time::{Instant, timeout_at};

use crate::last_failure::LastFailure;

/// Less than the 10 s of a token request of Passport, so that its error names the provider.
const MAX_TIME: Duration = Duration::from_secs(9);

/// Requests end this long before the read does, so that a provider's client can report its error.
const RESERVE: Duration = Duration::from_millis(500);

tokio::task_local! {
    static READ: Read;
}

/// The read that the current task is doing.
struct Read {
    requests_end: Instant,
    last_failure: LastFailure,
}

impl Read {
    fn remaining(&self) -> Duration {
        self.requests_end.saturating_duration_since(Instant::now())
    }
}

/// Runs `read`, and all its requests, for at most [`MAX_TIME`].
pub(crate) async fn within_deadline<T>(
    reference: &SecretRef,
    read: impl Future<Output = Result<T, SecretError>>,
) -> Result<T, SecretError> {
    let (end, last_failure) = (Instant::now() + MAX_TIME, LastFailure::default());
    let scope = Read { requests_end: end - RESERVE, last_failure: last_failure.clone() };
    let read = timeout_at(end, READ.scope(scope, read)).await;
    read.unwrap_or_else(|_| Err(late(reference, &last_failure)))
}

/// Sends `request`. Within a read it ends with the read, and a failure is noted.
pub(crate) async fn exchange(
    transport: &Transport,
    request: Request<Bytes>,
    limits: Limits,
) -> Result<Response<Bytes>, TransportError> {
    let within_a_read = READ.try_with(|read| (read.remaining(), read.last_failure.clone()));
    let Ok((remaining, last_failure)) = within_a_read else {
        return transport.exchange(request, limits).await;
    };
    let host = request.uri().host().unwrap_or_default().to_owned();
    let limits = Limits { timeout: limits.timeout.min(remaining), ..limits };
    let outcome = transport.exchange(request, limits).await;
    last_failure.note(&host, &outcome);
    outcome
}

fn late(reference: &SecretRef, last_failure: &LastFailure) -> SecretError {
    let new = |reason| SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason);
    let text = format!("it was not read within {} s", MAX_TIME.as_secs());
    match last_failure.get() {
        Some(failed) => new(format!("{text}; last failure: {failed}")).caused_by(failed),
        None => new(text),
    }
}

#[cfg(test)]
mod tests {
    use passport_core::{HttpExchange, TransportErrorKind};

    use super::*;
    use crate::{last_failure::FailedRequest, sanitize::LIMITS};

    #[derive(Debug)]
    struct Refusing;

    impl HttpExchange for Refusing {
        async fn exchange(&self, _: Request<Bytes>, _: Limits) -> Result<Response<Bytes>, TransportError> {
            Err(TransportError::new(TransportErrorKind::Connect))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn late_read_names_the_last_failure() {
        let transport = Transport::new(Refusing);
        let request = Request::get("https://vault.example.com").body(Bytes::new()).unwrap();
        let read = async {
            exchange(&transport, request, LIMITS).await.unwrap_err();
            std::future::pending().await
        };
        let reference: SecretRef = "vault:payroll".parse().unwrap();
        let error = within_deadline::<()>(&reference, read).await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::Unavailable);
        let cause = "not read within 9 s; last failure: vault.example.com: no connection could be made";
        assert!(error.to_string().contains(cause), "{error}");
        assert!(passport_core::chain(&error).any(<dyn std::error::Error>::is::<FailedRequest>));
    }

    #[tokio::test(start_paused = true)]
    async fn late_read_without_a_request_is_unavailable() {
        let reference: SecretRef = "vault:payroll".parse().unwrap();
        let error = within_deadline::<()>(&reference, std::future::pending()).await.unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::Unavailable);
        assert!(error.to_string().ends_with("it was not read within 9 s"), "{error}");
    }
}
