//! Detection of values that can contain a secret. Pure.

/// The minimum length of a generated secret, in bytes. Shorter words do not count as secrets.
const MIN_SECRET_LENGTH: usize = 16;

/// Returns whether `text` can contain a secret, so that messages must omit the text.
pub(crate) fn may_contain_secret(text: &str) -> bool {
    has_credentials(text) || has_generated_secret(text)
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
