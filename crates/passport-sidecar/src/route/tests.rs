use super::Route::{self, *};

#[test]
fn path_selects_an_endpoint_or_an_upstream() {
    for (path, route) in [
        ("/passport/token", DropIn),
        ("/v1/token", Token),
        ("/v1/token/refresh", Refresh),
        ("/v1/validate", Validate),
        ("/v1/auth", Auth),
        ("/v1/auth/", Auth),
        ("/v1/auth/api/orders", Auth),
        ("/to/erp", ProxyByPath),
        ("/to/erp/v1/token", ProxyByPath),
        ("/erp.Orders/List", ProxyByHeader),
        ("/", ProxyByHeader),
        ("/v1", Unknown),
        ("/v1/token/", Unknown),
        ("/v1/authority", Unknown),
        ("/passport/authorize", Unknown),
    ] {
        assert_eq!(Route::of(path), route, "{path}");
    }
}
