//! Messages for unknown keys. Pure.

/// A known key is suggested for an unknown key if the similarity of the two keys is greater than
/// this number. The similarity (Jaro-Winkler) is 0 if the keys have nothing in common, and 1 if
/// the keys are equal.
const MIN_SIMILARITY: f64 = 0.85;

/// Returns the message for an unknown key, with the remedy.
pub(crate) fn unknown_key(known: &[&str], key: &str) -> String {
    if ["clientsecret", "secret", "password", "clientkey", "privatekey"].contains(&&*plain(key)) {
        return "a secret must not be in the configuration; store it elsewhere and set a reference to it \
                (env:NAME, file:/path), or rename the environment variable if it only shares the prefix of \
                the configuration"
            .to_owned();
    }
    match suggestion(known, key) {
        Some(known) => format!("unknown key; did you mean `{known}`?"),
        None => format!("unknown key; known keys are {}", known.join(", ")),
    }
}

/// Returns the known key that is most similar to `key`, for the message "did you mean ..?".
/// Returns `None` if no known key is similar. Case, `_` and `-` are ignored.
#[must_use]
pub fn suggestion<'a>(known: &[&'a str], key: &str) -> Option<&'a str> {
    let similarity = |known: &str| strsim::jaro_winkler(&plain(key), &plain(known));
    let closest = known.iter().max_by(|one, other| similarity(one).total_cmp(&similarity(other)))?;
    (similarity(closest) > MIN_SIMILARITY).then_some(closest)
}

/// Returns `key` without the differences between the spellings of a key.
pub(crate) fn plain(key: &str) -> String {
    key.replace(['_', '-'], "").to_ascii_lowercase()
}
