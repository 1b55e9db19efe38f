//! Errors of a configuration without its values: one of them may be a secret in the wrong place.

use config::ConfigError;

/// Returns what is wrong, at which key and in which file.
pub(super) fn redact(error: &ConfigError) -> String {
    match error {
        ConfigError::Type { origin, unexpected, expected, key } => {
            let found = unexpected.to_string();
            // As `string "hidden"`.
            let found = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            placed(&format!("expected {expected}, found {found}"), key.as_deref(), origin.as_deref())
        }
        ConfigError::At { error, origin, key } => placed(&redact(error), key.as_deref(), origin.as_deref()),
        ConfigError::FileParse { uri, cause } => {
            // What follows the position shows the line.
            let text = cause.to_string();
            placed(text.lines().next().unwrap_or_default(), None, uri.as_deref())
        }
        ConfigError::Message(text) => without_value(text),
        ConfigError::Foreign(cause) | ConfigError::PathParse { cause } => without_value(&cause.to_string()),
        ConfigError::NotFound(_) | ConfigError::Frozen => error.to_string(),
        // A new kind of error could show a value.
        _ => "it is not valid".to_owned(),
    }
}

fn placed(text: &str, key: Option<&str>, origin: Option<&str>) -> String {
    let key = key.map(|key| format!(" for key `{key}`")).unwrap_or_default();
    let origin = origin.map(|origin| format!(" in {origin}")).unwrap_or_default();
    format!("{text}{key}{origin}")
}

/// Serde writes a value behind its kind, and what it expected behind that:
/// `invalid value: string "hidden", expected a number`.
fn without_value(text: &str) -> String {
    if text.contains(" does not have variant constructor ") {
        return "there is no such choice; docs/sidecar.md has those there are".to_owned();
    }
    let values = ["invalid type: ", "invalid value: ", "unknown variant "];
    let Some(begin) = values.into_iter().find(|begin| text.starts_with(begin)) else {
        return text.to_owned();
    };
    // From the end: the value may contain the same words.
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    let begin = begin.trim_end_matches([':', ' ']);
    expected.map_or_else(|| begin.to_owned(), |expected| format!("{begin}: expected {expected}"))
}

#[cfg(test)]
mod tests;
