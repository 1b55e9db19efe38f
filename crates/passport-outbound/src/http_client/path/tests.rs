use proptest::prelude::*;
use url::Url;

use super::*;

#[test]
fn path_that_a_url_would_change_is_rejected_by_name() {
    use InvalidPath::*;
    for (path, expected) in [
        ("/tenants/mine/../other", DotSegment),
        ("../other", DotSegment),
        ("/tenants/./mine", DotSegment),
        ("/tenants/..", DotSegment),
        ("/tenants/..?page=1", DotSegment),
        ("/tenants/mine/..;a=b/other", DotSegment),
        ("https://api.bizfirst.ai/tenants/mine/../other", DotSegment),
        ("HTTP://api.bizfirst.ai/..#top", DotSegment),
        ("/tenants/mine/%2e%2E/other", EncodedDotSegment),
        ("/tenants/mine/.%2e/other", EncodedDotSegment),
        ("/tenants/mine/%2e/other", EncodedDotSegment),
        ("/tenants/mine/..%3B/other", EncodedDotSegment),
        ("/tenants/mine/%2e%2e%3Ba=b/other", EncodedDotSegment),
        ("/tenants/mine/..%20/other", EncodedDotSegment),
        ("/tenants/mine/..%00/other", EncodedDotSegment),
        ("/tenants/mine/%252e%252e/other", EncodedDotSegment),
        ("/tenants/mine/%25252e./other", EncodedDotSegment),
        ("/tenants/mine/%c0%ae%C0%AE/other", EncodedDotSegment),
        ("/tenants/mine/..%252fother", EncodedSeparator),
        ("/tenants/mine/..%c0%afother", EncodedSeparator),
        ("/tenants/mine/..%2fother", EncodedSeparator),
        ("/tenants/mine%2F..%2Fother", EncodedSeparator),
        ("/tenants/mine%5C%2e%2e%5Cother", EncodedSeparator),
        ("/tenants/mine/%2f../other", EncodedSeparator),
        ("/tenants/.%2Fmine", EncodedSeparator),
        ("/tenants/mine/..\\other", Backslash),
        ("\\\\evil.example/x", Backslash),
        ("https:\\\\evil.example/x", Backslash),
        ("//evil.example/x", SchemeRelative),
        ("///evil.example/x", SchemeRelative),
        ("https:///evil.example/x", MissingHost),
        ("https:/evil.example/x", MissingHost),
        ("https:../other", MissingHost),
        ("/tenants/mine/.\t./other", ControlCharacter),
        ("/tenants/mine/.\n./other", ControlCharacter),
        ("\r/tenants", ControlCharacter),
        (" /tenants", Space),
        ("/tenants/.. ", Space),
    ] {
        assert_eq!(check(path), Err(expected), "{path:?}");
    }
}

#[test]
fn path_that_a_url_would_not_change_is_accepted() {
    for path in [
        "",
        "/",
        "accounts",
        "/api/erp/accounts/",
        "/a//b",
        "/files/report.v1..2.pdf",
        "/files/.hidden/...",
        "/files/a%20b%2e",
        "/projects/group%2Fproject",
        "/projects/group%2F..project%5Cx..",
        "/search?path=../a\\b&x=%2f",
        "/page#../top",
        "https://api.bizfirst.ai",
        "https://api.bizfirst.ai/accounts?since=2026-05-01",
        "/time/12:30",
    ] {
        assert_eq!(check(path), Ok(()), "{path:?}");
    }
}

proptest! {
    #[test]
    fn accepted_path_is_not_changed_by_a_url(path in "(/|[.]{1,2}|%2[eEfF]|%5c|\\\\|[a;:]){0,8}") {
        let base = Url::parse("https://api.bizfirst.ai/base/").unwrap();
        if check(&path).is_ok() && let Ok(joined) = base.join(&path) && joined.scheme() == "https" {
            let expected = if path.starts_with('/') { path } else { format!("/base/{path}") };
            prop_assert_eq!(joined.path(), expected);
            prop_assert_eq!(joined.host_str(), Some("api.bizfirst.ai"));
        }
    }
}
