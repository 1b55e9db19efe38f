//! The deadline for reading one secret, which all its requests share.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{ResponseLimits, SecretError, SecretErrorKind, SecretRef, Transport, TransportError};
use tokio::time::{Instant, timeout_at};

use crate::last_failure::LastFailure;

/// Shorter than the 10 s of a token request at Passport, so that the error names the vault.
const MAX_TIME: Duration = Duration::from_secs(9);

/// Requests end this long before the deadline, so that a vault's client can report its error.
const RESERVE: Duration = Duration::from_millis(500);

tokio::task_local! {
    static READ: ReadScope;
}

/// The read of the current task.
struct ReadScope {
    requests_end: Instant,
    last_failure: LastFailure,
}

impl ReadScope {
    /// Returns the time until requests end.
    fn remaining(&self) -> Duration {
        self.requests_end.saturating_duration_since(Instant::now())
    }
}

/// Runs `read` with the deadline [`MAX_TIME`], which also applies to its requests.
///
/// # Errors
/// Returns the error of `read`, or an error that names the last failed request.
pub(crate) async fn within_deadline<T>(
    reference: &SecretRef,
    read: impl Future<Output = Result<T, SecretError>>,
) -> Result<T, SecretError> {
    let (end, last_failure) = (Instant::now() + MAX_TIME, LastFailure::default());
    let scope = ReadScope { requests_end: end - RESERVE, last_failure: last_failure.clone() };
    let read = timeout_at(end, READ.scope(scope, read)).await;
    read.unwrap_or_else(|_| Err(timed_out(reference, &last_failure)))
}

/// Sends `request`. Within a read, its deadline applies, and a failed request is recorded.
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
    last_failure.record(&host, &outcome);
    outcome
}

fn timed_out(reference: &SecretRef, last_failure: &LastFailure) -> SecretError {
    let new = |reason| SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason);
    let text = format!("the vault did not return it within {} s", MAX_TIME.as_secs());
    match last_failure.get() {
        Some(failed) => new(format!("{text}; last failure: {failed}; check the vault and the network"))
            .with_source(failed),
        None => new(format!("{text}; check the vault and the network")),
    }
}

#[cfg(test)]
mod tests;
