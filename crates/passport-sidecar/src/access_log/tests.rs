use super::*;

#[test]
fn logged_path_has_only_known_parts() {
    for (path, expected) in [
        ("/v1/token", "/v1/token"),
        ("/to/erp", "/to/erp"),
        ("/to/erp/reset/s3cret", "/to/erp"),
        ("/to/%73ecret/", "(no such upstream)"),
        ("/v1/auth/reset/s3cret", "/v1/auth"),
        ("/reset/s3cret", "(by header)"),
        ("/v1/token/s3cret", "(no such endpoint)"),
    ] {
        assert_eq!(logged_path(Route::of(path), path), expected);
    }
}
