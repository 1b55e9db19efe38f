use serde_json::json;

use super::*;

#[test]
fn variables_of_a_service_are_recognized() {
    for (key, value) in [
        ("service_host", json!("10.0.0.1")),
        ("SERVICE_HOST", json!("fd00::1")),
        ("service_port", json!("80")),
        ("service_port", json!(80)),
        ("service_port_http", json!("80")),
        ("service_port_grpc_web", json!("8081")),
        ("port", json!("tcp://10.0.0.1:80")),
        ("port", json!("udp://[fd00::1]:53")),
        ("port_8080_tcp", json!("tcp://10.0.0.1:8080")),
        ("port_8080_tcp_proto", json!("tcp")),
        ("port_8080_tcp_port", json!("8080")),
        ("port_8080_tcp_addr", json!("10.0.0.1")),
        ("port_53_udp", json!("udp://10.0.0.1:53")),
        ("port_3868_sctp_proto", json!("sctp")),
        ("db_service_host", json!("10.0.0.2")),
        ("db_port_5432_tcp_addr", json!("10.0.0.2")),
    ] {
        assert!(is_service_variable(key, &value), "{key} {value}");
    }
}

#[test]
fn other_keys_are_not_recognized() {
    for (key, value) in [
        ("service_host", json!("erp.bizfirst.ai")),
        ("service_host", json!(true)),
        ("service_hosts", json!("10.0.0.1")),
        ("service_port", json!("http")),
        ("service_port_", json!("80")),
        ("serviceport", json!("80")),
        ("port", json!("8080")),
        ("port", json!("https://10.0.0.1:80")),
        ("port", json!("tcp://erp:80")),
        ("port", json!("tcp://10.0.0.1:80/x")),
        ("port_8080_tcp_proto", json!("udp")),
        ("port_8080_tcp_port", json!("8081")),
        ("port_8080_tcp_name", json!("http")),
        ("port_http_tcp", json!("tcp://10.0.0.1:80")),
        ("host", json!("10.0.0.1")),
        ("token_urls", json!("tcp://10.0.0.1:80")),
        ("clientid", json!("10.0.0.1")),
        ("client_secret", json!("80")),
    ] {
        assert!(!is_service_variable(key, &value), "{key} {value}");
    }
}
