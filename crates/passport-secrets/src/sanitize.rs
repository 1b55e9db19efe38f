//! Sanitizes texts of providers for errors, and classifies transport errors.

use std::{error::Error, time::Duration};

use passport_core::{
    Clock, ResponseLimits, SecretErrorKind, SystemClock, TransportError, TransportErrorKind, with_causes,
};

/// The limits of one request. All requests for one secret also share a deadline, see
/// `deadline.rs`. Secrets and tokens are small, so 256 KiB are enough for any response.
pub(crate) const LIMITS: ResponseLimits =
    ResponseLimits { timeout: Duration::from_secs(8), max_body: 256 * 1024 };

/// The maximum length of a provider's text, in characters.
const MAX_LENGTH: usize = 300;

/// Returns `text` on one line, without control characters, truncated to 300 characters.
pub(crate) fn one_line(text: &str) -> String {
    let line = text.split(|char: char| char.is_whitespace() || char.is_control());
    let line = line.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Returns the message of `error` and of its causes, on one line.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    one_line(&with_causes(error))
}

/// Returns the kind of a request without a response. It is never definitive for the secret.
pub(crate) fn kind_of(error: &TransportError) -> SecretErrorKind {
    match error.kind() {
        TransportErrorKind::Tls(failure) => SecretErrorKind::Tls(failure),
        _ if error.is_transient() => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unreadable,
    }
}

/// Returns what an operator can do about a transient error. Other transport errors name their
/// remedy.
pub(crate) fn remedy(error: &TransportError) -> &'static str {
    if error.is_transient() { "; check DNS, firewalls and the proxy" } else { "" }
}

/// Returns the time in a `Retry-After` header, which has seconds or a date.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    passport_core::retry_after(value, SystemClock.now())
}

#[cfg(test)]
mod tests;
