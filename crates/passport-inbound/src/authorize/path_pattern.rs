//! Reads the tenant from a path by a pattern with a parameter. Pure.

use std::borrow::Cow;

use matchit::Router;

use crate::request_path::{decoded, is_plain};

/// A pattern in the syntax of axum's routes, such as `/tenants/{tenant_id}/records/{*rest}`.
/// Paths are matched as axum matches routes.
#[derive(Clone)]
pub(super) struct PathPattern {
    router: Router<()>,
    parameter: String,
}

impl PathPattern {
    /// Parses `pattern`, whose segment `{parameter}` is the tenant. The error is a text without a
    /// subject, such as "must begin with a slash". The calling function puts the pattern before the
    /// text.
    pub(super) fn parse(pattern: &str, parameter: &str) -> Result<Self, String> {
        if !pattern.starts_with('/') {
            return Err("must begin with a slash".to_owned());
        }
        if !is_plain(&pattern.replace(['{', '}'], "")) {
            return Err("must not have an empty segment, a dot segment or an encoded separator".to_owned());
        }
        let named = format!("{{{parameter}}}");
        if pattern.split('/').filter(|segment| **segment == named).count() != 1 {
            return Err(format!("must contain the segment {named} exactly once"));
        }
        let mut router = Router::new();
        router.insert(pattern, ()).map_err(|error| error.to_string())?;
        Ok(Self { router, parameter: parameter.to_owned() })
    }

    /// Returns the percent-decoded tenant in `path`. Returns `None` if `path` is ambiguous or does
    /// not match the pattern.
    pub(super) fn tenant<'a>(&self, path: &'a str) -> Option<Cow<'a, str>> {
        if !is_plain(path) {
            return None;
        }
        let matched = self.router.at(path).ok()?;
        decoded(matched.params.get(&self.parameter)?)
    }
}

#[cfg(test)]
mod tests;
