//! Where a path names a tenant. Pure.

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
    /// `parameter` is the one that names the tenant.
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
mod tests {
    use super::*;

    fn tenant(pattern: &str, path: &str) -> Option<String> {
        PathPattern::parse(pattern, "tenant").unwrap().tenant(path).map(Cow::into_owned)
    }

    #[test]
    fn a_path_names_a_tenant_where_the_pattern_says_so() {
        for (pattern, path, named) in [
            ("/tenants/{tenant}", "/tenants/t%201", Some("t 1")),
            ("/tenants/{tenant}", "/tenants/t%201/", None),
            ("/tenants/{tenant}", "/tenants/t%201/records", None),
            ("/tenants/{tenant}", "/tenant/t%201", None),
            ("/tenants/{tenant}", "/tenants", None),
            ("/tenants/{tenant}", "/tenants/", None),
            ("/tenants/{tenant}", "/tenants//t%201", None),
            ("/{tenant}/records/{id}", "/t%201/records/7", Some("t 1")),
            ("/{tenant}/records/{id}", "/t%201/records/", None),
            ("/{id}/{tenant}/{*rest}", "/7/t%201/a/b", Some("t 1")),
            ("/{id}/{tenant}/{*rest}", "/t%201/7/a/b", Some("7")),
            ("/tenants/{tenant}", "*", None),
            ("/tenants/{tenant}", "/tenants/%FF", None),
        ] {
            assert_eq!(tenant(pattern, path).as_deref(), named, "{pattern} {path}");
        }
    }

    #[test]
    fn an_ambiguous_path_names_no_tenant() {
        for path in [
            "/tenants/mine/../other/records",
            "/tenants/mine/%2e%2e/other/records",
            "/tenants/mine/..%2fother/records",
            "/tenants/mine%2f..%2fother/records",
            "/tenants/mine/..%5cother/records",
            "/tenants/mine/..\\other/records",
            "/tenants/mine/%252e%252e/other/records",
            "/tenants/mine//records",
            "/tenants/mine/./records",
            "/tenants/mine/..;/other/records",
            "/tenants/mine/records/%c0%ae%c0%ae/other",
        ] {
            assert_eq!(tenant("/tenants/{tenant}/{*rest}", path), None, "{path}");
        }
    }

    #[test]
    fn a_wrong_pattern_is_an_error() {
        for pattern in [
            "tenants/{tenant}",
            "/tenants",
            "/{tenant}/{tenant}",
            "/{tenant",
            "/x{tenant}",
            "/{*tenant}",
            "/{tenant}/",
            "/{tenant}//x",
            "/{tenant}/../x",
            "/{tenant}/{*r}/x",
        ] {
            assert!(PathPattern::parse(pattern, "tenant").is_err(), "{pattern}");
        }
    }
}
