//! A configuration from the environment of a pod, which contains the variables of Services.

use config::{Config, Environment};
use passport_config::{ManagedIdentitiesConfig, ManagedIdentityConfig};

use super::configuration::config_of;

/// The variables of Services as a kubelet sets them in each pod of the namespace: one port
/// without a name, named ports, several ports, UDP, IPv6, and a Service with a longer name.
fn service_variables() -> Vec<(&'static str, &'static str)> {
    vec![
        ("ERP_SYNC_SERVICE_HOST", "10.96.12.7"),
        ("ERP_SYNC_SERVICE_PORT", "8080"),
        ("ERP_SYNC_SERVICE_PORT_HTTP", "8080"),
        ("ERP_SYNC_SERVICE_PORT_GRPC_WEB", "9090"),
        ("ERP_SYNC_PORT", "tcp://10.96.12.7:8080"),
        ("ERP_SYNC_PORT_8080_TCP", "tcp://10.96.12.7:8080"),
        ("ERP_SYNC_PORT_8080_TCP_PROTO", "tcp"),
        ("ERP_SYNC_PORT_8080_TCP_PORT", "8080"),
        ("ERP_SYNC_PORT_8080_TCP_ADDR", "10.96.12.7"),
        ("ERP_SYNC_PORT_9090_TCP", "tcp://10.96.12.7:9090"),
        ("ERP_SYNC_PORT_9090_TCP_ADDR", "10.96.12.7"),
        ("ERP_SYNC_PORT_5353_UDP", "udp://[fd00::7]:5353"),
        ("ERP_SYNC_PORT_5353_UDP_PROTO", "udp"),
        ("ERP_SYNC_PORT_5353_UDP_PORT", "5353"),
        ("ERP_SYNC_PORT_5353_UDP_ADDR", "fd00::7"),
        ("ERP_SYNC_DB_SERVICE_HOST", "10.96.12.8"),
        ("ERP_SYNC_DB_PORT_5432_TCP_ADDR", "10.96.12.8"),
    ]
}

fn with_service_variables(own: &[(&str, &str)], environment: Environment) -> Environment {
    let all = service_variables().into_iter().chain(own.iter().copied());
    let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
    environment.source(Some(all.collect()))
}

#[test]
fn variables_of_a_kubernetes_service_are_ignored() {
    let own = [("ERP_SYNC_CLIENT_ID", "mi-1"), ("ERP_SYNC_CLIENT_SECRET_REF", "env:SECRET")];
    for environment in [
        Environment::with_prefix("ERP_SYNC"),
        Environment::with_prefix("ERP_SYNC").prefix_separator("_").separator("__"),
        Environment::with_prefix("ERP_SYNC").try_parsing(true),
    ] {
        let environment = with_service_variables(&own, environment);
        let config: ManagedIdentityConfig = config_of(Config::builder().add_source(environment));
        config.build().unwrap();
    }
    let several = [
        ("ERP_SYNC__IDENTITIES__ERP__CLIENT_ID", "mi-1"),
        ("ERP_SYNC__IDENTITIES__ERP__CLIENT_SECRET_REF", "env:SECRET"),
    ];
    let environment = Environment::with_prefix("ERP_SYNC").separator("__");
    let environment = with_service_variables(&several, environment);
    let config: ManagedIdentitiesConfig = config_of(Config::builder().add_source(environment));
    config.build().unwrap();
}

#[test]
fn misspelled_variable_is_named_beside_those_of_a_service() {
    let own = [
        ("ERP_SYNC_CLIENT_ID", "mi-1"),
        ("ERP_SYNC_CLIENT_SECRET_REF", "env:SECRET"),
        ("ERP_SYNC_REQUEST_TIMEOUTS", "10"),
    ];
    let environment = with_service_variables(&own, Environment::with_prefix("ERP_SYNC"));
    let config: ManagedIdentityConfig = config_of(Config::builder().add_source(environment));
    let error = config.build().unwrap_err();
    let told: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(told, ["request_timeouts"], "{error}");
}
