//! Suggestions for misspelled top-level keys.

const KEYS: [&str; 6] = ["listen", "identities", "callers", "upstreams", "validate", "limits"];

/// The similarity from which on a key is suggested.
const MIN_SIMILARITY: f64 = 0.8;

/// Returns a message with suggestions, if some of `keys` are unknown but similar to a known one.
pub(super) fn misspelled<'a>(keys: impl Iterator<Item = &'a str>) -> Option<String> {
    let unknown = keys.filter(|key| !KEYS.contains(key));
    let advice: Vec<_> = unknown
        .filter_map(|key| Some(format!("there is no key `{key}`; did you mean `{}`?", closest(key)?)))
        .collect();
    (!advice.is_empty()).then(|| advice.join("; "))
}

fn closest(key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    let similarity = |known: &str| strsim::jaro_winkler(&key, known);
    let closest = KEYS.into_iter().max_by(|one, other| similarity(one).total_cmp(&similarity(other)))?;
    (similarity(closest) > MIN_SIMILARITY).then_some(closest)
}

#[cfg(test)]
mod tests;
