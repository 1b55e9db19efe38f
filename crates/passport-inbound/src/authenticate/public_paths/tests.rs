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
fn ambiguous_path_is_not_public() {
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
fn invalid_public_path_is_an_error() {
    for path in ["", "health", "/health/", "//health", "/a/../b", "/{a", "/{*a}/b", "/a%2fb"] {
        let error = PublicPaths::default().add(path).unwrap_err();
        assert!(error.to_string().contains("/assets/{*file}"), "{error}");
    }
    for service in ["", "a.", "grpc.health.v1.Health/Check", "{service}", "a b"] {
        assert!(PublicPaths::default().add_grpc_service(service).is_err(), "{service}");
    }
}
