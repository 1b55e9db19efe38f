//! Public paths: the paths that need no token. Pure.

use std::fmt;

use matchit::Router;
use passport_core::{ConfigError, ConfigProblem};

use crate::request_path::is_plain;

/// A set of public paths, in the syntax of axum's routes.
#[derive(Clone, Default)]
pub(super) struct PublicPaths(Router<()>);

impl PublicPaths {
    /// Adds `path`, a route in axum's syntax. Returns an error if `path` is not valid or overlaps a
    /// path that was added before.
    pub(super) fn add(&mut self, path: &str) -> Result<(), ConfigError> {
        let problem = |wrong: &dyn fmt::Display| {
            let problem =
                format_args!("`{path}`: {wrong}; expected a route such as /health or /assets/{{*file}}");
            ConfigError::new(vec![ConfigProblem::new("public_paths", problem)])
        };
        if !is_plain(&path.replace(['{', '}'], "")) {
            let wrong = "must begin with a slash, and must not have an empty segment, a dot segment, an \
                encoded separator or a trailing slash";
            return Err(problem(&wrong));
        }
        self.0.insert(path, ()).map_err(|error| problem(&error))
    }

    /// Adds all methods of the gRPC service with the full name `service`. Returns an error if
    /// `service` is not a full name, or was added before.
    pub(super) fn add_grpc_service(&mut self, service: &str) -> Result<(), ConfigError> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if !service.split('.').all(is_word) {
            let problem = format_args!(
                "`{service}` is not a full service name; expected one such as grpc.health.v1.Health"
            );
            return Err(ConfigError::new(vec![ConfigProblem::new("public_grpc_services", problem)]));
        }
        self.add(&format!("/{service}/{{method}}"))
    }

    /// Returns whether `path` is public. An ambiguous path is never public.
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
mod tests;
