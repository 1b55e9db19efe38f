//! Errors of a configuration without its values: one of them may be a secret in the wrong place.

use config::ConfigError;

/// Returns what is wrong, where and in which file.
pub(super) fn masked(error: &ConfigError) -> String {
    match error {
        ConfigError::Type { origin, unexpected, expected, key } => {
            let found = unexpected.to_string();
            // As `string "hidden"`.
            let found = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            placed(&format!("expected {expected}, found {found}"), key.as_deref(), origin.as_deref())
        }
        ConfigError::At { error, origin, key } => placed(&masked(error), key.as_deref(), origin.as_deref()),
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
mod tests {
    use config::{Config, File, FileFormat};
    use passport_outbound::Providers;

    use crate::{build::build, config::SidecarConfig};

    fn mistake(text: &str) -> String {
        let built = Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build();
        match built.map_err(Into::into).and_then(SidecarConfig::of) {
            Err(error) => format!("{error} {error:?}"),
            Ok(config) => match build(&config, &Providers::default()) {
                Err(error) => format!("{error} {error:?}"),
                Ok(_) => String::new(),
            },
        }
    }

    #[test]
    fn misplaced_secret_is_in_no_error() {
        for text in [
            "limits = \"hidden\"",
            "listen = \"hidden\"",
            "[limits]\nconnections = \"hidden\"",
            "[limits]\nconnections = \"hidden, expected hidden\"",
            "[listen]\ntcp = \"hidden\"",
            "[listen]\nhosts = \"hidden\"",
            "[listen]\nunix_proxy_headers = \"hidden\"",
            "[callers.erp]\nuids = [\"hidden\"]",
            "[callers.erp]\nuids = \"hidden\"",
            "callers = [\"hidden\"]",
            "[upstreams]\nerp = \"hidden\"",
            "[upstreams.erp]\nurl = 1\npropagate = \"hidden\"",
            "[identities]\nerp = \"hidden\"",
            "[identities.erp]\nclient_id = \"mi-1\"\ncache = \"hidden\"",
            "validate = \"hidden\"",
            "[validate]\naudience = [\"hidden\"]",
            "[identities.erp]\nclient_secret = hidden",
            "[identities.erp]\nclient_secret = \"hidden",
            "hidden",
        ] {
            let told = mistake(text);
            assert!(!told.is_empty(), "{text}");
            assert!(!told.contains("hidden"), "{text}: {told}");
        }
    }

    #[test]
    fn type_error_names_key_and_kinds() {
        let told = mistake("[limits]\nconnections = \"hidden\"");
        assert!(told.contains("for key `limits.connections`"), "{told}");
        assert!(mistake("[limits]\nconnections = -1").contains("limits.connections"));
        assert!(mistake("[listen]\nport = 1").contains("port"), "unknown keys are named");
        assert!(mistake("[a]\nb = x").contains("line 2"), "{}", mistake("[a]\nb = x"));
    }
}
