//! Detection of values that may contain a secret. Pure.

const MIN_SECRET_LENGTH: usize = 16;

/// Returns whether `text` may contain a secret, and so must not be part of a message.
pub(crate) fn may_contain_secret(text: &str) -> bool {
    has_credentials(text) || has_generated_secret(text)
}

/// Returns whether the text is a URL with a password, or with a query, which may contain a key.
fn has_credentials(text: &str) -> bool {
    text.contains("://") && text.contains(['@', '?'])
}

/// Returns whether the text may contain a generated secret: a long sequence of characters that
/// mixes letters with digits, or lower with upper case. Names, words and hosts are shorter or
/// not mixed.
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
