//! Recognition of the environment variables that Kubernetes sets for the services of a
//! namespace. Pure.
//!
//! For a Service `erp-sync`, each pod of its namespace has `ERP_SYNC_SERVICE_HOST`,
//! `ERP_SYNC_PORT_8080_TCP_ADDR` and so on. If a configuration is read from the variables with
//! the prefix `ERP_SYNC`, these variables look like keys of the configuration.

use std::net::IpAddr;

use serde_json::Value;
use url::Url;

use crate::value::ConfigValue;

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Returns whether `key` and `value` come from a service variable of Kubernetes.
///
/// `key` and `value` must both have the form that Kubernetes writes, so that a misspelled key is
/// still reported. The key can begin with the end of the service's name: for a service
/// `erp-sync-db` and the prefix `ERP_SYNC`, the variable `ERP_SYNC_DB_SERVICE_HOST` is the key
/// `db_service_host`.
pub(crate) fn is_service_variable(key: &str, value: &Value) -> bool {
    let key = key.to_ascii_lowercase();
    let words: Vec<&str> = key.split('_').collect();
    let Ok(value) = String::parse(value) else { return false };
    (0..words.len()).any(|start| is_of_a_service(&words[start..], &value))
}

/// Returns whether `words` and `value` have the form of a service variable. `words` are the
/// words of the key, without the service's name.
fn is_of_a_service(words: &[&str], value: &str) -> bool {
    match words {
        ["service", "host"] => is_address(value),
        ["service", "port", name @ ..] => name.iter().all(|word| !word.is_empty()) && is_port(value),
        ["port"] => is_url(value),
        ["port", port, protocol, part @ ..] if is_port(port) && PROTOCOLS.contains(protocol) => match part {
            [] => is_url(value),
            ["proto"] => value == *protocol,
            ["port"] => value == *port,
            ["addr"] => is_address(value),
            _ => false,
        },
        _ => false,
    }
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// Returns whether `text` is a URL in a service variable, such as `tcp://10.0.0.1:80`.
fn is_url(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    PROTOCOLS.contains(&url.scheme()) && is_address(host) && url.port().is_some() && url.path().len() < 2
}

#[cfg(test)]
mod tests;
