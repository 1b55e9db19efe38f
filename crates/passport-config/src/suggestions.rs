//! Messages for unknown keys. Pure.

/// The minimum similarity of a known key to the unknown key for which it is suggested: 0 if they
/// have nothing in common, 1 if they are equal (Jaro-Winkler).
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

fn plain(key: &str) -> String {
    key.replace(['_', '-'], "").to_ascii_lowercase()
}
