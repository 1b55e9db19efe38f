use passport_test_support::tokens::claims_of;

use super::*;

struct Console {
    passport: DevPassport,
    identity: DevIdentity,
}

impl Console {
    async fn start() -> Self {
        let passport = DevPassport::start().await.unwrap();
        let identity = passport.managed_identity("payroll").role("clerk").create();
        Self { passport, identity }
    }

    async fn execute(&self, line: &str) -> Result<String, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        execute(&words, &self.passport, &self.identity, &BTreeMap::new()).await
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
        "fault token slow 500",
        "clear jwks",
        "clear discovery",
        "clear introspection",
        "clear token",
    ] {
        assert_eq!(console.execute(line).await.unwrap(), "done", "{line}");
    }
    let after = console.execute("user u").await.unwrap();
    assert_ne!(before.split('.').next(), after.split('.').next(), "the header has no kid");
    let counters = console.execute("counters").await.unwrap();
    assert_eq!(counters, "discovery 0, introspection 0, jwks 0, token 0");
}
