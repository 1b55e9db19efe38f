//! Sanitizes texts of vaults, so that error messages can quote these texts. Also classifies
//! transport errors.

use std::{error::Error, time::Duration};

use passport_core::{
    Clock, ResponseLimits, SecretErrorKind, SystemClock, TransportError, TransportErrorKind, with_causes,
};

/// The limits of one request to a vault or its token service. All requests of one read also
/// share a deadline, see `deadline.rs`. Secrets and tokens are small: 256 KiB are enough for any
/// response.
pub(crate) const LIMITS: ResponseLimits =
    ResponseLimits { timeout: Duration::from_secs(8), max_body: 256 * 1024 };

/// The maximum length of a vault's text in errors, in characters.
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

/// Returns the kind of the error of a request that had no response. The returned kind is never
/// definitive, so a cached secret is kept.
pub(crate) fn kind_of(error: &TransportError) -> SecretErrorKind {
    match error.kind() {
        TransportErrorKind::Tls(failure) => SecretErrorKind::Tls(failure),
        _ if error.is_transient() => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unreadable,
    }
}

/// Returns what an operator can do about a transient error. Returns an empty text for any other
/// error, because the message of that error already contains the remedy.
pub(crate) fn remedy(error: &TransportError) -> &'static str {
    if error.is_transient() { "; check DNS, firewalls and the proxy" } else { "" }
}

/// Parses the value of a `Retry-After` header (seconds or a date). Returns the time to wait, or
/// `None` if the value is invalid.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    passport_core::retry_after(value, SystemClock.now())
}

#[cfg(test)]
mod tests;
