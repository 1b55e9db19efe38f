//! Suggests the right name for a misspelled top-level key.

use passport_config::suggestion;

const KEYS: [&str; 6] = ["listen", "identities", "callers", "upstreams", "validate", "limits"];

/// Returns a message that names each misspelled key in `keys` with the known key that is similar
/// to it. A key is misspelled if it is unknown but similar to a known key. Returns `None` if no
/// key is misspelled.
pub(super) fn misspelled<'a>(keys: impl Iterator<Item = &'a str>) -> Option<String> {
    let unknown = keys.filter(|key| !KEYS.contains(key));
    let advice: Vec<_> = unknown
        .filter_map(|key| Some(format!("unknown key `{key}`; did you mean `{}`?", suggestion(&KEYS, key)?)))
        .collect();
    (!advice.is_empty()).then(|| advice.join("; "))
}

#[cfg(test)]
mod tests;
