use super::*;

const AGENT: HeaderValue = HeaderValue::from_static("erp-sync/1.4");

fn problems(settings: &TransportSettings) -> Vec<String> {
    let mut problems = Vec::new();
    assert_eq!(settings.build(&mut problems).is_none(), !problems.is_empty());
    problems.iter().map(|problem| problem.option.to_string()).collect()
}

#[test]
fn custom_transport_conflicts_with_other_settings() {
    let custom = TransportSettings::default().transport(Transport::default());
    assert!(problems(&custom).is_empty());
    assert_eq!(problems(&custom.ca_file("ca.pem").user_agent(AGENT)), [CA_FILE, USER_AGENT]);
}

#[test]
fn unreadable_ca_file_is_reported() {
    assert_eq!(problems(&TransportSettings::default().ca_file("/no/such/ca.pem")), [CA_FILE]);
}

#[test]
fn equal_settings_share_one_transport() {
    let transports = TransportPool::default();
    let built = |user_agent: Option<HeaderValue>| {
        let settings = TransportSettings::default().transport_pool(transports.clone());
        let settings = user_agent.into_iter().fold(settings, TransportSettings::user_agent);
        settings.build(&mut Vec::new()).unwrap()
    };
    let shares = |one: Transport, other: Transport| Arc::ptr_eq(&one.0, &other.0);
    assert!(shares(built(None), built(None)));
    assert!(shares(built(Some(AGENT)), built(Some(AGENT))));
    assert!(!shares(built(None), built(Some(AGENT))));
}
