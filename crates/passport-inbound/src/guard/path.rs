//! Where a path names a tenant. Pure.

use percent_encoding::percent_decode_str;

/// `/tenants/{tenant_id}/records/{record}`, or with `{*rest}` at its end, as axum writes routes.
#[derive(Clone, Debug)]
pub(super) struct PathPattern {
    segments: Vec<Segment>,
    /// Whether anything may follow.
    is_open: bool,
}

#[derive(Clone, Debug)]
enum Segment {
    Fixed(String),
    Any,
    Tenant,
}

impl PathPattern {
    /// `parameter` is the one that names the tenant.
    pub(super) fn parse(pattern: &str, parameter: &str) -> Result<Self, &'static str> {
        let path = pattern.strip_prefix('/').ok_or("it does not begin with a slash")?;
        let (mut segments, mut is_open) = (Vec::new(), false);
        for segment in path.split('/') {
            if is_open {
                return Err("something follows after {*..}");
            }
            match segment.strip_prefix('{').map(|rest| rest.strip_suffix('}').ok_or("a brace is not closed"))
            {
                None if segment.contains(['{', '}']) => return Err("a parameter is not a whole segment"),
                None => segments.push(Segment::Fixed(segment.to_owned())),
                Some(name) => match name? {
                    name if name.starts_with('*') => is_open = true,
                    name if name == parameter => segments.push(Segment::Tenant),
                    _ => segments.push(Segment::Any),
                },
            }
        }
        let tenants = segments.iter().filter(|segment| matches!(segment, Segment::Tenant)).count();
        if tenants == 1 {
            Ok(Self { segments, is_open })
        } else {
            Err("the parameter does not stand in it once")
        }
    }

    /// Whether `path` is one of these, and names `tenant`.
    pub(super) fn names(&self, path: &str, tenant: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return false };
        let mut parts = path.split('/');
        let fits = self.segments.iter().all(|segment| {
            let Some(part) = parts.next() else { return false };
            match segment {
                Segment::Fixed(fixed) => part == fixed,
                Segment::Any => !part.is_empty(),
                // A tenant without a name is nobody's.
                Segment::Tenant => {
                    !tenant.is_empty()
                        && percent_decode_str(part).decode_utf8().is_ok_and(|part| part == tenant)
                }
            }
        });
        fits && (self.is_open || parts.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_tenant_where_the_pattern_says_so() {
        let names = |pattern, path| PathPattern::parse(pattern, "tenant").unwrap().names(path, "t 1");
        for (pattern, path, is_named) in [
            ("/tenants/{tenant}", "/tenants/t%201", true),
            ("/tenants/{tenant}", "/tenants/t%202", false),
            ("/tenants/{tenant}", "/tenants/t%201/", false),
            ("/tenants/{tenant}", "/tenants/t%201/records", false),
            ("/tenants/{tenant}", "/tenant/t%201", false),
            ("/tenants/{tenant}", "/tenants", false),
            ("/tenants/{tenant}", "/tenants//t%201", false),
            ("/{tenant}/records/{id}", "/t%201/records/7", true),
            ("/{tenant}/records/{id}", "/t%201/records/", false),
            ("/{id}/{tenant}/{*rest}", "/7/t%201/a/b", true),
            ("/{id}/{tenant}/{*rest}", "/t%201/7/a/b", false),
            ("/tenants/{tenant}", "*", false),
        ] {
            assert_eq!(names(pattern, path), is_named, "{pattern} {path}");
        }
    }

    #[test]
    fn a_slash_that_is_encoded_separates_nothing_and_nobody_is_the_tenant_without_a_name() {
        let pattern = PathPattern::parse("/tenants/{tenant}", "tenant").unwrap();
        assert!(pattern.names("/tenants/a%2Fb", "a/b"));
        assert!(!pattern.names("/tenants/a%2Fb", "a"));
        assert!(!pattern.names("/tenants/", ""));
        assert!(!pattern.names("/tenants/%FF", "\u{fffd}"), "what is not text is nobody's name");
    }

    #[test]
    fn a_pattern_that_is_wrong_is_told() {
        for pattern in
            ["tenants/{tenant}", "/tenants", "/{tenant}/{tenant}", "/{tenant", "/x{tenant}", "/{*r}/{tenant}"]
        {
            assert!(PathPattern::parse(pattern, "tenant").is_err(), "{pattern}");
        }
    }
}
