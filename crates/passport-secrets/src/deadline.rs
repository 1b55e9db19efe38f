//! The time that reading one secret may take: all requests share it.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{ResponseLimits, SecretError, SecretErrorKind, SecretRef, Transport, TransportError};
use tokio::time::{Instant, timeout_at};

use crate::last_failure::LastFailure;

/// Less than the 10 s of a token request of Passport, so that its error names the provider.
const MAX_TIME: Duration = Duration::from_secs(9);

/// Requests end this long before the read does, so that a provider's client can report its error.
const RESERVE: Duration = Duration::from_millis(500);

tokio::task_local! {
    static READ: ReadScope;
}

/// The read that the current task is doing.
struct ReadScope {
    requests_end: Instant,
    last_failure: LastFailure,
}

impl ReadScope {
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
    let scope = ReadScope { requests_end: end - RESERVE, last_failure: last_failure.clone() };
    let read = timeout_at(end, READ.scope(scope, read)).await;
    read.unwrap_or_else(|_| Err(late(reference, &last_failure)))
}

/// Sends `request`. Within a read it ends with the read, and a failure is noted.
pub(crate) async fn send(
    transport: &Transport,
    request: Request<Bytes>,
    limits: ResponseLimits,
) -> Result<Response<Bytes>, TransportError> {
    let within_a_read = READ.try_with(|read| (read.remaining(), read.last_failure.clone()));
    let Ok((remaining, last_failure)) = within_a_read else {
        return transport.send(request, limits).await;
    };
    let host = request.uri().host().unwrap_or_default().to_owned();
    let limits = ResponseLimits { timeout: limits.timeout.min(remaining), ..limits };
    let outcome = transport.send(request, limits).await;
    last_failure.note(&host, &outcome);
    outcome
}

fn late(reference: &SecretRef, last_failure: &LastFailure) -> SecretError {
    let new = |reason| SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason);
    let text = format!("it was not read within {} s", MAX_TIME.as_secs());
    match last_failure.get() {
        Some(failed) => new(format!("{text}; last failure: {failed}")).with_source(failed),
        None => new(text),
    }
}

#[cfg(test)]
mod tests;
