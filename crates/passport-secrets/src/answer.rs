//! What providers say when they do not give a secret, as far as it is fit to be shown.

use std::{error::Error, time::Duration};

use passport_core::{
    Clock, Limits, SecretErrorKind, SystemClock, TransportError, TransportErrorKind, with_causes,
};

/// For one exchange with a provider. Secrets are small, and so is everything on the way to them.
/// All exchanges for one secret share a deadline as well, see `deadline.rs`.
pub(crate) const LIMITS: Limits = Limits { timeout: Duration::from_secs(8), max_body: 256 * 1024 };

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
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_says_stays_on_one_line_and_comes_to_an_end() {
        assert_eq!(shown("no\r\n such \u{1b}[31msecret\t"), "no such [31msecret");
        assert_eq!(shown(&"ä".repeat(301)), format!("{}...", "ä".repeat(300)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 17 "), Some(Duration::from_secs(17)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT").is_some_and(|wait| !wait.is_zero()));
        assert_eq!(retry_after("soon"), None);
    }
}
