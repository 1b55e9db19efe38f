//! A path pattern with a parameter for the tenant. Pure.

use std::borrow::Cow;

use matchit::Router;

use crate::request_path::{decoded, is_plain};

/// `/tenants/{tenant_id}/records/{record}`, or with `{*rest}` at its end: a route as axum writes
/// it, and as axum matches it.
#[derive(Clone)]
pub(super) struct PathPattern {
    router: Router<()>,
    parameter: String,
}

impl PathPattern {
    /// `parameter` is the name of the parameter for the tenant.
    pub(super) fn parse(pattern: &str, parameter: &str) -> Result<Self, String> {
        if !pattern.starts_with('/') {
            return Err("it does not begin with a slash".to_owned());
        }
        if !is_plain(&pattern.replace(['{', '}'], "")) {
            return Err("it has an empty segment, a dot segment or an encoded separator".to_owned());
        }
        let named = format!("{{{parameter}}}");
        if pattern.split('/').filter(|segment| **segment == named).count() != 1 {
            return Err(format!("{named} is not one of its segments, or more than one"));
        }
        let mut router = Router::new();
        router.insert(pattern, ()).map_err(|error| error.to_string())?;
        Ok(Self { router, parameter: parameter.to_owned() })
    }

    /// Returns the tenant that `path` names; none if the path does not match, or could be read in
    /// more than one way.
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
