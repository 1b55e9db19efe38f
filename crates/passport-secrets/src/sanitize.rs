//! Texts of providers, cut and cleaned until they may be shown; and what their errors mean.

use std::{error::Error, time::Duration};

use passport_core::{
    Clock, ResponseLimits, SecretErrorKind, SystemClock, TransportError, TransportErrorKind, with_causes,
};

/// For one exchange with a provider. Secrets are small, and so is everything on the way to them.
/// All exchanges for one secret share a deadline as well, see `deadline.rs`.
pub(crate) const LIMITS: ResponseLimits =
    ResponseLimits { timeout: Duration::from_secs(8), max_body: 256 * 1024 };

/// The longest that a provider's words are shown.
const MAX_SHOWN: usize = 300;

/// A provider's words on one line, without what could write elsewhere on a terminal, and not for ever.
pub(crate) fn shown(words: &str) -> String {
    let line = words.split(|char: char| char.is_whitespace() || char.is_control());
    let line = line.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// What `error` says, and what is behind it, as far as that says something new.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    shown(&with_causes(error))
}

/// What an exchange without a response means for a secret. It never ends one.
pub(crate) fn kind_of(error: &TransportError) -> SecretErrorKind {
    match error.kind() {
        TransportErrorKind::Tls(failure) => SecretErrorKind::Tls(failure),
        _ if error.is_transient() => SecretErrorKind::Unavailable,
        _ => SecretErrorKind::Unreadable,
    }
}

/// Reads the value of a `Retry-After` header.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    passport_core::retry_after(value, SystemClock.now())
}

#[cfg(test)]
mod tests;
