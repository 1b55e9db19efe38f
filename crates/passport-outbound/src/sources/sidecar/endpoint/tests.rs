use super::*;

#[test]
fn only_endpoints_on_this_machine_are_accepted() {
    for (endpoint, is_valid) in [
        ("unix:///run/passport/sidecar.sock", true),
        ("http://127.0.0.1:7070", true),
        ("http://127.9.9.9:7070/", true),
        ("http://[::1]:7070", true),
        ("http://localhost:7070", true),
        ("unix://run/passport/sidecar.sock", false),
        ("http://127.0.0.1.example.com", false),
        ("http://sidecar:7070", false),
        ("http://10.0.0.1:7070", false),
        ("http://169.254.169.254/", false),
        ("https://127.0.0.1:7070", false),
        ("http://user@127.0.0.1:7070", false),
        ("http://127.0.0.1:7070/v1", false),
        ("127.0.0.1:7070", false),
    ] {
        assert_eq!(SidecarEndpoint::new(endpoint).is_ok(), is_valid, "{endpoint}");
    }
}
