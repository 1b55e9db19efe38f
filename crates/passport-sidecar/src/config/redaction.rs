//! Removes values from error messages about a configuration, because a value under a wrong key
//! could be a secret.

use config::ConfigError;

/// Returns the message of `error` without the invalid value. The message contains the key and
/// the file, if they are known.
pub(super) fn redact(error: &ConfigError) -> String {
    match error {
        ConfigError::Type { origin, unexpected, expected, key } => {
            let found = unexpected.to_string();
            // The text is the type and the value: `string "hidden"`.
            let found = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            with_location(&format!("expected {expected}, found {found}"), key.as_deref(), origin.as_deref())
        }
        ConfigError::At { error, origin, key } => {
            with_location(&redact(error), key.as_deref(), origin.as_deref())
        }
        ConfigError::FileParse { uri, cause } => {
            // The first line is the position of the error. The lines after it quote the file.
            let text = cause.to_string();
            with_location(text.lines().next().unwrap_or_default(), None, uri.as_deref())
        }
        ConfigError::Message(text) => without_value(text),
        ConfigError::Foreign(cause) | ConfigError::PathParse { cause } => without_value(&cause.to_string()),
        ConfigError::NotFound(_) | ConfigError::Frozen => error.to_string(),
        // Errors of other kinds could contain a value.
        _ => "invalid configuration".to_owned(),
    }
}

/// Appends the key and the file to `text`. Leaves out the key or the file if it is not known.
fn with_location(text: &str, key: Option<&str>, origin: Option<&str>) -> String {
    let key = key.map(|key| format!(" for key `{key}`")).unwrap_or_default();
    let origin = origin.map(|origin| format!(" in {origin}")).unwrap_or_default();
    format!("{text}{key}{origin}")
}

/// Returns an error text of serde without the invalid value. `text` has the form `invalid value:
/// string "hidden", expected a number`. A text of another form is returned unchanged.
fn without_value(text: &str) -> String {
    if text.contains(" does not have variant constructor ") {
        return "unknown value (docs/sidecar.md lists the allowed ones)".to_owned();
    }
    let values = ["invalid type: ", "invalid value: ", "unknown variant "];
    let Some(begin) = values.into_iter().find(|begin| text.starts_with(begin)) else {
        return text.to_owned();
    };
    // The search begins at the end, because the value could contain the same words.
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    let begin = begin.trim_end_matches([':', ' ']);
    expected.map_or_else(|| begin.to_owned(), |expected| format!("{begin}: expected {expected}"))
}

#[cfg(test)]
mod tests;
