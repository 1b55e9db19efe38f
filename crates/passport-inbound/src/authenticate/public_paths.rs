//! Which paths need no token. Pure.

use std::fmt;

use matchit::Router;
use passport_core::{ConfigError, ConfigProblem};

use crate::request_path::is_plain;

/// Paths that need no token, as axum writes routes; all others need one.
#[derive(Clone, Default)]
pub(super) struct PublicPaths(Router<()>);

impl PublicPaths {
    pub(super) fn add(&mut self, path: &str) -> Result<(), ConfigError> {
        let told = |wrong: &dyn fmt::Display| {
            let problem =
                format_args!("`{path}`: {wrong}; write it as a route: /health, or /assets/{{*file}}");
            ConfigError::new(vec![ConfigProblem::new("public_paths", problem)])
        };
        if !is_plain(&path.replace(['{', '}'], "")) {
            return Err(told(
                &"it is not absolute, or has an empty segment, a dot segment or a slash at its end",
            ));
        }
        self.0.insert(path, ()).map_err(|error| told(&error))
    }

    /// Every method of a gRPC service, by its full name.
    pub(super) fn add_grpc_service(&mut self, service: &str) -> Result<(), ConfigError> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if !service.split('.').all(is_word) {
            let problem = format_args!("`{service}` is no name of a service, such as grpc.health.v1.Health");
            return Err(ConfigError::new(vec![ConfigProblem::new("public_grpc_services", problem)]));
        }
        self.add(&format!("/{service}/{{method}}"))
    }

    /// `path` as it was routed. A path that programs read differently is not public.
    pub(super) fn contains(&self, path: &str) -> bool {
        is_plain(path) && self.0.at(path).is_ok()
    }
}

impl fmt::Debug for PublicPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicPaths")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> PublicPaths {
        let mut paths = PublicPaths::default();
        for path in ["/health", "/status/{id}", "/assets/{*file}"] {
            paths.add(path).unwrap();
        }
        paths.add_grpc_service("grpc.health.v1.Health").unwrap();
        paths
    }

    #[test]
    fn listed_path_is_public() {
        for path in [
            "/health",
            "/status/7",
            "/status/a%20b",
            "/assets/app.js",
            "/assets/a/b",
            "/grpc.health.v1.Health/Check",
        ] {
            assert!(paths().contains(path), "{path}");
        }
    }

    #[test]
    fn path_in_doubt_is_not_public() {
        for path in [
            "/",
            "*",
            "",
            "/health/",
            "/Health",
            "/HEALTH",
            "//health",
            "/health/x",
            "/healthz",
            "/heal%74h",
            "/x/../health",
            "/health/..",
            "/health/../admin",
            "/./health",
            "/health;x",
            "/health%00",
            "/status/",
            "/status/7/8",
            "/status/..",
            "/status/%2e%2e",
            "/status/7%2f8",
            "/assets",
            "/assets/",
            "/assets/../admin",
            "/assets/%2e%2e/admin",
            "/assets/..%2fadmin",
            "/assets/..%5cadmin",
            "/assets/..;/admin",
            "/assets/%252e%252e/admin",
            "/assets//admin",
            "/assets/%ff",
            "/grpc.health.v1.Health",
            "/grpc.health.v1.Health/",
            "/grpc.health.v1.Health/a/b",
            "/grpc.health.v1.HealthX/Check",
            "/x/grpc.health.v1.Health/Check",
        ] {
            assert!(!paths().contains(path), "{path}");
        }
    }

    #[test]
    fn wrong_public_path_is_an_error() {
        for path in ["", "health", "/health/", "//health", "/a/../b", "/{a", "/{*a}/b", "/a%2fb"] {
            let error = PublicPaths::default().add(path).unwrap_err();
            assert!(error.to_string().contains("/assets/{*file}"), "{error}");
        }
        for service in ["", "a.", "grpc.health.v1.Health/Check", "{service}", "a b"] {
            assert!(PublicPaths::default().add_grpc_service(service).is_err(), "{service}");
        }
    }
}
