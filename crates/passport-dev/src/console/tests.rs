use passport_test_support::tokens::claims_of;

use super::*;

struct Console {
    passport: DevPassport,
    identity: DevIdentity,
    receivers: tokio::sync::Mutex<Vec<EventReceiver>>,
}

impl Console {
    async fn start() -> Self {
        let passport = DevPassport::start().await.unwrap();
        let identity = passport.managed_identity("payroll").role("clerk").create();
        Self { passport, identity, receivers: tokio::sync::Mutex::default() }
    }

    async fn execute(&self, line: &str) -> Result<String, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        let mut receivers = self.receivers.lock().await;
        execute(&words, &self.passport, &self.identity, &BTreeMap::new(), &mut receivers).await
    }
}

#[tokio::test]
async fn command_arguments_are_parsed() {
    for (words, expected) in [
        ("slow 500", Fault::Slow(Duration::from_millis(500))),
        ("body {\"keys\": []}", Fault::Body("{\"keys\": []}".to_owned())),
        ("status 503", Fault::Status(StatusCode::SERVICE_UNAVAILABLE)),
    ] {
        let words: Vec<_> = words.split(' ').collect();
        assert_eq!(fault(&words), Ok(expected), "{words:?}");
    }
    let console = Console::start().await;
    let user = claims_of(&console.execute("user alice clerk").await.unwrap());
    assert_eq!((&user["sub"], &user["roles"]), (&"alice".into(), &vec!["clerk"].into()));
    assert_eq!(console.execute(" roles ").await.unwrap(), "done");
    assert_eq!(claims_of(&console.identity.token().build())["roles"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn error_contains_the_invalid_word() {
    let console = Console::start().await;
    for (line, word) in [
        ("rotat", "`rotat`"),
        ("fault tokens down", "`tokens`"),
        ("fault token sideways", "`sideways`"),
        ("fault token slow soon", "`soon`"),
        ("fault token status 9", "`9`"),
        ("receiver push events app", "`events`"),
        ("receiver logout events app", "`events`"),
    ] {
        assert!(console.execute(line).await.unwrap_err().contains(word), "{line}");
    }
}

#[tokio::test]
async fn commands_change_the_running_passport() {
    let console = Console::start().await;
    let before = console.passport.user_token("u").build();
    for line in ["kid off", "rotate", "retire", "lifetime 5", "disable", "enable"] {
        assert_eq!(console.execute(line).await.unwrap(), "done", "{line}");
    }
    for line in [
        "fault jwks status 503",
        "fault discovery down",
        "fault introspection html",
        "fault revocation down",
        "fault events-poll down",
        "fault token slow 500",
        "clear jwks",
        "clear discovery",
        "clear introspection",
        "clear revocation",
        "clear events-poll",
        "clear token",
    ] {
        assert_eq!(console.execute(line).await.unwrap(), "done", "{line}");
    }
    let after = console.execute("user u").await.unwrap();
    assert_ne!(before.split('.').next(), after.split('.').next(), "the header has no kid");
    let counters = console.execute("counters").await.unwrap();
    assert_eq!(counters, "discovery 0, events-poll 0, introspection 0, jwks 0, revocation 0, token 0");
}

#[tokio::test]
async fn revocation_commands_report_what_receivers_got() {
    let console = Console::start().await;
    let session = console.execute("session alice tenant-7").await.unwrap();
    let token = console.execute("user alice").await.unwrap();
    assert_eq!(claims_of(&token)["sid"], *session);
    for line in ["receiver poll https://a.example", "receiver logout http://127.0.0.1:1/ app", "disable"] {
        assert_eq!(console.execute(line).await.unwrap(), "done", "{line}");
    }
    let output = console.execute(&format!("logout session {session}")).await.unwrap();
    let expected = "logout tokens sent: 1\nhttp://127.0.0.1:1/: no connection could be made";
    assert!(output.starts_with(expected), "{output}");
    assert!(console.execute("logout user bob").await.unwrap().starts_with("logout tokens sent: 1"));
    let events = console.execute("events").await.unwrap();
    assert_eq!(events, "receivers: 1\nreceiver 1: 3 pending, 0 failed");
    assert_eq!(console.execute(&format!("revoke-token {token}")).await.unwrap(), "done");
}

#[tokio::test]
async fn failed_events_are_listed_with_their_reason() {
    let console = Console::start().await;
    console.execute("receiver push http://127.0.0.1:1/ https://a.example").await.unwrap();
    console.execute("disable").await.unwrap();
    console.passport.events_pushed().await;
    let events = console.execute("events").await.unwrap();
    assert!(events.starts_with("receivers: 1\nreceiver 1: 0 pending, 1 failed\n  set-"), "{events}");
    assert!(events.contains("no connection could be made"), "{events}");
}
