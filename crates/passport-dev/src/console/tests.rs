use super::*;

#[test]
fn commands_are_read() {
    for (line, command) in [
        (" rotate ", Command::Rotate),
        ("fault token slow 500", Command::Fault(Endpoint::Token, Fault::Slow(Duration::from_millis(500)))),
        (
            "fault jwks body {\"keys\": []}",
            Command::Fault(Endpoint::Jwks, Fault::Body("{\"keys\": []}".to_owned())),
        ),
        (
            "fault jwks status 503",
            Command::Fault(Endpoint::Jwks, Fault::Status(StatusCode::SERVICE_UNAVAILABLE)),
        ),
        ("user alice clerk", Command::User("alice".to_owned(), vec!["clerk".to_owned()])),
        ("roles", Command::Roles(vec![])),
        ("identity mi-erp-clientid", Command::Identity("mi-erp-clientid".to_owned())),
    ] {
        assert_eq!(line.parse(), Ok(command), "{line}");
    }
}

#[test]
fn unknown_command_is_named() {
    for (line, named) in [
        ("rotat", "`rotat`"),
        ("fault tokens down", "`tokens`"),
        ("fault token sideways", "`sideways`"),
        ("fault token slow soon", "`soon`"),
        ("fault token status 9", "`9`"),
    ] {
        assert!(line.parse::<Command>().unwrap_err().contains(named), "{line}");
    }
}

#[tokio::test]
async fn commands_act_on_the_running_passport() {
    let passport = DevPassport::start().await.unwrap();
    let identity = passport.managed_identity("payroll").create();
    let before = passport.user_token("u").build();
    for line in
        ["kid off", "rotate", "retire", "lifetime 5", "disable", "enable", "fault token down", "heal token"]
    {
        assert_eq!(
            execute(line.parse().unwrap(), &passport, &identity, &BTreeMap::new()).await,
            "done",
            "{line}"
        );
    }
    let after = execute("user u".parse().unwrap(), &passport, &identity, &BTreeMap::new()).await;
    assert_ne!(before.split('.').next(), after.split('.').next(), "the header has lost its kid");
    let counters = execute(Command::Counters, &passport, &identity, &BTreeMap::new()).await;
    assert_eq!(counters, "discovery 0, introspection 0, jwks 0, token 0");
}
