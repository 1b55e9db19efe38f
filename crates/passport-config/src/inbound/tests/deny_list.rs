//! The deny list of a verifier.

use std::time::Duration;

use passport_inbound::{DenyList, DenyListBuilder, FullPolicy, SecurityEventReceiver};

use super::{formats::environment, *};

/// Asserts that the table `deny_list` has the same meaning as `expected`.
fn assert_same(config: &VerifierConfig, expected: &DenyListBuilder) {
    assert_eq!(format!("{:?}", config.deny_list().unwrap()), format!("{expected:?}"));
}

fn with_list(keys: &Value) -> VerifierConfig {
    config(&with(&json!({ "deny_list": keys })))
}

#[test]
fn settings_of_the_list_are_read() {
    let expected = DenyList::builder()
        .capacity(500)
        .retention(Duration::from_secs(7200))
        .when_full(FullPolicy::DropOldest)
        .file("/var/lib/orders/denied");
    let keys = json!({
        "capacity": 500, "retention": "2h", "when_full": "drop_oldest", "file": "/var/lib/orders/denied",
    });
    assert_same(&with_list(&keys), &expected);
    let variables = [
        ("VERIFIER__AUDIENCE", "api"),
        ("VERIFIER__DENY_LIST__CAPACITY", "500"),
        ("VERIFIER__DENY_LIST__RETENTION", "7200"),
        ("VERIFIER__DENY_LIST__WHEN_FULL", "DROP_OLDEST"),
        ("VERIFIER__DENY_LIST__FILE", "/var/lib/orders/denied"),
    ];
    assert_same(&environment(&variables), &expected);
}

#[test]
fn list_without_settings_has_the_defaults() {
    let default = DenyList::builder();
    assert_same(&config(&with(&json!({}))), &default);
    assert_same(&with_list(&json!({})), &default);
    assert_same(&with_list(&json!({ "when_full": "refuse_tenant" })), &default);
}

#[tokio::test]
async fn verifier_has_the_opened_list() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("denied");
    let config = with_list(&json!({ "file": file }));
    let list = config.deny_list().unwrap().open().await.unwrap();
    let config = config.with_deny_list(list);
    let verifier = config.build().unwrap();
    assert!(SecurityEventReceiver::new(&verifier).is_ok());
    assert!(verifier.replace(config.builder().unwrap()).unwrap().is_empty());
}

#[test]
fn table_without_an_opened_list_is_a_mistake() {
    let config = with_list(&json!({ "capacity": 500 }));
    let expected = "deny_list: {\"capacity\":500}: this program opens no deny list, so denied tokens would be accepted; \
                    remove the table, or open VerifierConfig::deny_list and pass the list to with_deny_list";
    for error in [config.build().unwrap_err(), config.builder().unwrap_err()] {
        let found: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
        assert_eq!(found, [expected]);
    }
    assert!(config.with_deny_list(DenyList::new()).build().is_ok());
}

#[test]
fn list_of_the_program_needs_no_table() {
    let config = config(&with(&json!({}))).with_deny_list(DenyList::new());
    assert!(SecurityEventReceiver::new(&config.build().unwrap()).is_ok());
}

#[test]
fn list_is_not_opened_with_a_mistake_elsewhere() {
    let config = config(&with(&json!({ "clock_skew": "1h", "deny_list": { "capacity": 99 } })));
    let error = config.deny_list().unwrap_err();
    let keys: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(keys, ["deny_list.capacity", "clock_skew"]);
}
