//! Detection of values that can contain a secret. Pure.

/// The minimum length of a generated secret, in bytes. Shorter words do not count as secrets.
const MIN_SECRET_LENGTH: usize = 16;

/// Returns whether `text` can contain a secret, so that messages must omit the text.
pub(crate) fn may_contain_secret(text: &str) -> bool {
    has_credentials(text) || has_generated_secret(text)
}

/// Returns a message of other code without the value that it quotes, if the value can contain a
/// secret. The value is between the first and the last backtick. A GUID is not a secret.
#[cfg(feature = "inbound")]
pub(crate) fn without_quoted_secret(message: &str) -> String {
    let quoted = message.find('`').zip(message.rfind('`')).filter(|(first, last)| first < last);
    let Some((first, last)) = quoted else { return message.to_owned() };
    let value = &message[first + 1..last];
    let is_shown = |run: &str| is_guid(run) || !may_contain_secret(run);
    if value.split_whitespace().all(|run| is_shown(run.trim_matches('`'))) {
        return message.to_owned();
    }
    format!("{}...{}", &message[..=first], &message[last..])
}

#[cfg(feature = "inbound")]
fn is_guid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Returns whether the text can be a URL with user information or a query. Both can contain
/// secrets.
fn has_credentials(text: &str) -> bool {
    text.contains("://") && text.contains(['@', '?'])
}

/// Returns whether the text can contain a generated secret:
/// - a known part of a secret (`mics_sk_` or `PRIVATE KEY`), or
/// - a long word that mixes letters with digits, or lower with upper case. Names and hosts are
///   shorter, or do not mix these.
fn has_generated_secret(text: &str) -> bool {
    let runs = text.split(|letter: char| !(letter.is_alphanumeric() || "+/=~_-".contains(letter)));
    let is_mixed = |run: &str| {
        let kinds: [fn(char) -> bool; 3] =
            [|letter| letter.is_ascii_digit(), char::is_uppercase, char::is_lowercase];
        kinds.iter().filter(|kind| run.contains(**kind)).count() > 1
    };
    let known = ["mics_sk_", "PRIVATE KEY"].iter().any(|prefix| text.contains(prefix));
    known || runs.filter(|run| run.len() >= MIN_SECRET_LENGTH).any(is_mixed)
}
