//! The deadline of one read of a secret. A read can need several requests, such as a login and
//! the request for the secret. All requests of a read share its deadline.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{ResponseLimits, SecretError, SecretErrorKind, SecretRef, Transport, TransportError};
use tokio::time::{Instant, timeout_at};

use crate::last_failure::LastFailure;

/// The time limit of one read of a secret. The token request at Passport that needs the secret
/// has a limit of 10 s. The limit of the read is shorter, so that the error names the vault.
const MAX_TIME: Duration = Duration::from_secs(9);

/// Requests time out this long before the deadline of the read that they belong to, so that the
/// vault's client can still return an error with the cause.
const RESERVE: Duration = Duration::from_millis(500);

tokio::task_local! {
    /// The deadline and the last failure of the read that the current task runs. Unset outside
    /// [`within_deadline`].
    static READ: ReadScope;
}

/// The deadline and the last failure of the read that the current task runs.
struct ReadScope {
    /// When the requests of the read time out.
    requests_end: Instant,
    last_failure: LastFailure,
}

impl ReadScope {
    /// Returns the time until the requests of the read time out.
    fn remaining(&self) -> Duration {
        self.requests_end.saturating_duration_since(Instant::now())
    }
}

/// Runs `read`, which reads the secret `reference`, with the time limit [`MAX_TIME`]. Requests
/// that `read` sends by [`send`] share this limit.
///
/// # Errors
/// Returns the error of `read`, or, after the time limit, an error that names the last failed
/// request.
pub(crate) async fn within_deadline<T>(
    reference: &SecretRef,
    read: impl Future<Output = Result<T, SecretError>>,
) -> Result<T, SecretError> {
    let (end, last_failure) = (Instant::now() + MAX_TIME, LastFailure::default());
    let scope = ReadScope { requests_end: end - RESERVE, last_failure: last_failure.clone() };
    let read = timeout_at(end, READ.scope(scope, read)).await;
    read.unwrap_or_else(|_| Err(timed_out(reference, &last_failure)))
}

/// Sends `request`. If the current task runs [`within_deadline`], the deadline of the read also
/// limits the request. A failed request is then stored, so that the error of the read can name
/// it.
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

/// Creates the error of a read that exceeded its time limit. The error names the last failed
/// request, if there is one.
fn timed_out(reference: &SecretRef, last_failure: &LastFailure) -> SecretError {
    let new = |reason| SecretError::new(SecretErrorKind::Unavailable, reference.clone(), reason);
    let text = format!("the vault did not return the secret within {} s", MAX_TIME.as_secs());
    match last_failure.get() {
        Some(failed) => new(format!("{text}; last failure: {failed}; check the vault and the network"))
            .with_source(failed),
        None => new(format!("{text}; check the vault and the network")),
    }
}

#[cfg(test)]
mod tests;
