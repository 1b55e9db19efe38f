//! Suggests the right name for a misspelled top-level key.

use passport_config::suggestion;

const KEYS: [&str; 6] = ["listen", "identities", "callers", "upstreams", "validate", "limits"];

/// Returns a message that suggests a known key for each of `keys` that is unknown but similar to
/// one. Returns `None` if there is no such key.
pub(super) fn misspelled<'a>(keys: impl Iterator<Item = &'a str>) -> Option<String> {
    let unknown = keys.filter(|key| !KEYS.contains(key));
    let advice: Vec<_> = unknown
        .filter_map(|key| Some(format!("unknown key `{key}`; did you mean `{}`?", suggestion(&KEYS, key)?)))
        .collect();
    (!advice.is_empty()).then(|| advice.join("; "))
}

#[cfg(test)]
mod tests;
