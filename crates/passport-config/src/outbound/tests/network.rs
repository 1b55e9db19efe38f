//! Mistakes in the settings of transports and clients, and in URLs with plain `http`.

use super::*;

#[test]
fn danger_plain_http_covers_every_url() {
    let urls = json!({
        "passport_base_url": "http://passport:8090", "token_url": "http://passport:8090/token",
        "base_url": "http://erp:8080", "also_allow": ["http://payroll:8080", "https://api.bizfirst.ai"],
    });
    let keys = |mut values: Value, plain_http: Value| {
        values["danger_plain_http"] = plain_http;
        mistakes_with(&values)
            .iter()
            .map(|message| message.split(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let all = ["also_allow", "base_url", "passport_base_url", "token_url"];
    for allowed in [json!(true), json!("true")] {
        assert_eq!(keys(urls.clone(), allowed), [""; 0]);
    }
    for rejected in [json!(false), json!(null)] {
        assert_eq!(keys(urls.clone(), rejected), all);
    }
    let internal = json!({ "token_url": "http://passport:8090/token" });
    assert_eq!(keys(internal, json!(true)), [""; 0], "the issuer may be public");
}

#[test]
fn transport_conflicts_with_ca_file() {
    let folder = ca_file();
    let mut config = json!({ "client_id": "mi-1", "client_secret_ref": "env:SECRET" });
    config["ca_file"] = folder.path().join("ca.pem").to_str().unwrap().into();
    let config: ManagedIdentityConfig = serde_json::from_value(config).unwrap();
    let builder = config.builder(ConfigRegistry::default()).unwrap();
    let error = builder.transport(passport_core::Transport::default()).build().unwrap_err();
    assert_eq!(error.problems()[0].option, "ca_file", "{error}");
}

#[cfg(feature = "reqwest")]
#[test]
fn client_conflicts_with_ca_file_and_user_agent() {
    let folder = ca_file();
    let mut config = json!({ "client_id": "mi-1", "client_secret_ref": "env:SECRET" });
    config["base_url"] = "https://erp".into();
    config["user_agent"] = "erp-sync/1.4".into();
    config["ca_file"] = folder.path().join("ca.pem").to_str().unwrap().into();
    let config: ManagedIdentityConfig = serde_json::from_value(config).unwrap();
    let identity = config.build().unwrap();
    let builder = config.http_client_builder(identity).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let error = builder.client(client).build().unwrap_err();
    let options: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(options, ["ca_file", "user_agent"]);
}

fn ca_file() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate.cert.pem()).unwrap();
    folder
}
