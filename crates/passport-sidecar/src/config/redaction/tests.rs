use passport_config::ConfigRegistry;

use crate::{build::build, config::SidecarConfig};

fn error(text: &str) -> String {
    match SidecarConfig::from_toml(text) {
        Err(error) => format!("{error} {error:?}"),
        Ok(config) => match build(&config, &ConfigRegistry::default()) {
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
        "[limits]\nmax_connections = \"hidden\"",
        "[limits]\nmax_connections = \"hidden, expected hidden\"",
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
        let message = error(text);
        assert!(!message.is_empty(), "{text}");
        assert!(!message.contains("hidden"), "{text}: {message}");
    }
}

#[test]
fn type_error_names_key_and_kinds() {
    let message = error("[limits]\nmax_connections = \"hidden\"");
    assert!(message.contains("for key `limits.max_connections`"), "{message}");
    assert!(error("[limits]\nmax_connections = -1").contains("limits.max_connections"));
    assert!(error("[listen]\nport = 1").contains("port"), "unknown keys are named");
    assert!(error("[a]\nb = x").contains("line 2"), "{}", error("[a]\nb = x"));
}
