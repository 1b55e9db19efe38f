//! Advice for unknown keys. Pure.

/// The similarity from which on a key is suggested.
const MIN_SIMILARITY: f64 = 0.85;

/// Returns what to do about an unknown key.
pub(crate) fn advice(known: &[&str], key: &str) -> String {
    if ["clientsecret", "secret", "password", "clientkey", "privatekey"].contains(&&*plain(key)) {
        return "a secret does not belong here; put it where a reference points (env:NAME, file:/path). If it is an \
                environment variable that a common prefix has brought here, call it something else"
            .to_owned();
    }
    match suggestion(known, key) {
        Some(known) => format!("there is no such key; did you mean `{known}`?"),
        None => format!("there is no such key; there are {}", known.join(", ")),
    }
}

/// Returns the known key that `key` probably stands for. Case, `_` and `-` make no difference.
#[must_use]
pub fn suggestion<'a>(known: &[&'a str], key: &str) -> Option<&'a str> {
    let similarity = |known: &str| strsim::jaro_winkler(&plain(key), &plain(known));
    let closest = known.iter().max_by(|one, other| similarity(one).total_cmp(&similarity(other)))?;
    (similarity(closest) > MIN_SIMILARITY).then_some(closest)
}

fn plain(key: &str) -> String {
    key.replace(['_', '-'], "").to_ascii_lowercase()
}
