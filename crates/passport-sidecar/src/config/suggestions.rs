//! Top-level keys that are almost right.

const KEYS: [&str; 6] = ["listen", "identities", "callers", "upstreams", "validate", "limits"];

/// How alike a key has to be to be taken for another one.
const LIKENESS: f64 = 0.8;

/// Returns what to write instead, when some of `keys` are unknown but like a known one.
pub(super) fn misspelled<'a>(keys: impl Iterator<Item = &'a str>) -> Option<String> {
    let unknown = keys.filter(|key| !KEYS.contains(key));
    let advice: Vec<_> = unknown
        .filter_map(|key| Some(format!("there is no key `{key}`; did you mean `{}`?", likest(key)?)))
        .collect();
    (!advice.is_empty()).then(|| advice.join("; "))
}

fn likest(key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&key, known);
    let likest = KEYS.into_iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(likest) > LIKENESS).then_some(likest)
}

#[cfg(test)]
mod tests;
