//! Issuers that fail, hang or lie, and their recovery.

use super::*;

fn body(text: &str) -> Reply {
    Reply::Body(text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn invalid_answer_never_makes_a_token_active() {
    for (reply, outcome) in [
        (body(r#"{"active":"true"}"#), "invalid_answer"),
        (body(r#"{"active":1}"#), "invalid_answer"),
        (body("{}"), "invalid_answer"),
        (body("<html>"), "invalid_answer"),
        (body(r#"{"active":true,"active":true}"#), "invalid_answer"),
        (body(r#"{"active":true,"sub":"mallory"}"#), "invalid_answer"),
        (body(r#"{"active":true,"iss":"https://b"}"#), "invalid_answer"),
        (body(r#"{"active":true,"aud":"other"}"#), "invalid_answer"),
        (body(r#"{"active":true,"exp":1}"#), "invalid_answer"),
        (Reply::Typed("text/html", r#"{"active":true}"#.to_owned()), "invalid_answer"),
        (
            Reply::Typed("application/token-introspection+jwt", r#"{"active":true}"#.to_owned()),
            "invalid_answer",
        ),
        (body(&" ".repeat(65 * 1024)), "unavailable"),
        (Reply::Status(StatusCode::INTERNAL_SERVER_ERROR), "unavailable"),
        (Reply::Status(StatusCode::FOUND), "unavailable"),
        (Reply::Status(StatusCode::NO_CONTENT), "unavailable"),
        (Reply::Fails, "unavailable"),
        (Reply::Never, "unavailable"),
    ] {
        let (endpoint, introspector) = setup(reply.clone());
        let metrics = measured(async {
            assert_eq!(introspector.ask(question("t")).await, Err(UNAVAILABLE), "{reply:?}");
            endpoint.reply(active());
            advance(Duration::from_secs(5)).await;
            introspector.ask(question("t")).await.unwrap();
        });
        assert_eq!(
            metrics.await[&format!("passport_inbound_introspections_total {outcome}")],
            1.0,
            "{reply:?}"
        );
        assert_eq!(endpoint.calls(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn content_type_can_have_parameters() {
    let reply = Reply::Typed("Application/JSON; charset=utf-8", r#"{"active":true}"#.to_owned());
    setup(reply).1.ask(question("t")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn hanging_issuer_is_unavailable_after_the_timeout() {
    let (_, introspector) = setup(Reply::Never);
    let start = Instant::now();
    assert_eq!(introspector.ask(question("t")).await, Err(UNAVAILABLE));
    assert_eq!(elapsed_since(start), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn outage_is_answered_at_once_and_ends_within_one_step() {
    let log = Log::listen(tracing::Level::INFO);
    let (endpoint, introspector) = setup(Reply::Fails);
    let metrics = measured(async {
        for number in 0..10 {
            let error = introspector.ask(question(&number.to_string())).await.unwrap_err();
            assert!(matches!(error, IntrospectionError::Unavailable { .. }), "{error:?}");
        }
    });
    assert_eq!(metrics.await["passport_inbound_introspections_total circuit_open"], 5.0);
    assert_eq!(endpoint.calls(), 5);
    endpoint.reply(active());
    let Err(IntrospectionError::Unavailable { retry_after }) = introspector.ask(question("t")).await else {
        panic!("the circuit is open");
    };
    assert!(retry_after <= Duration::from_millis(500), "{retry_after:?}");
    advance(retry_after).await;
    introspector.ask(question("t")).await.unwrap();
    introspector.ask(question("u")).await.unwrap();
    assert_eq!(log.lines_with("circuit opened").len(), 1);
    assert_eq!(log.lines_with("circuit closed").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn cached_answers_are_used_during_an_outage() {
    let (endpoint, introspector) = setup(active());
    introspector.ask(question("t")).await.unwrap();
    endpoint.reply(Reply::Fails);
    for number in 0..10 {
        introspector.ask(question(&number.to_string())).await.unwrap_err();
    }
    introspector.ask(question("t")).await.unwrap();
}

/// Returns a question that is answered for 60 s without the issuer.
fn continuing(token: &str) -> Question {
    Question { continue_for: Duration::from_secs(60), ..question(token) }
}

#[tokio::test(start_paused = true)]
async fn continuing_is_bounded_logged_and_counted() {
    let log = Log::listen(tracing::Level::WARN);
    let (endpoint, introspector) = setup(active());
    introspector.ask(continuing("t")).await.unwrap();
    endpoint.reply(Reply::Fails);
    let metrics = measured(async {
        for elapsed in [20, 20, 19] {
            advance(Duration::from_secs(elapsed)).await;
            introspector.ask(continuing("t")).await.unwrap();
        }
        advance(Duration::from_secs(1)).await;
        introspector.ask(continuing("t")).await.unwrap_err();
    });
    assert_eq!(metrics.await["passport_inbound_introspection_continued_total"], 3.0);
    assert_eq!(log.lines_with("danger_continue_when_unreachable").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn unconfirmed_tokens_do_not_continue() {
    let (endpoint, introspector) = setup(active());
    endpoint.reply(Reply::Fails);
    assert_eq!(introspector.ask(continuing("t")).await, Err(UNAVAILABLE));
    endpoint.reply(Reply::inactive());
    assert_eq!(introspector.ask(continuing("t")).await, Err(IntrospectionError::Inactive));
    endpoint.reply(Reply::Fails);
    advance(Duration::from_secs(6)).await;
    assert_eq!(introspector.ask(continuing("t")).await, Err(UNAVAILABLE));
}

#[tokio::test(start_paused = true)]
async fn revoked_token_does_not_continue() {
    let (endpoint, introspector) = setup(active());
    introspector.ask(continuing("t")).await.unwrap();
    advance(MAX_AGE).await;
    endpoint.reply(Reply::inactive());
    assert_eq!(introspector.ask(continuing("t")).await, Err(IntrospectionError::Inactive));
    endpoint.reply(Reply::Fails);
    advance(Duration::from_secs(6)).await;
    assert_eq!(introspector.ask(continuing("t")).await, Err(UNAVAILABLE));
}
