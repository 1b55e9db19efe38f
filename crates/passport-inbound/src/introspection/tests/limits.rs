//! Invalid tokens in large numbers, and the calls that remain for valid ones.

use super::*;

fn opaque(
    introspector: &Arc<Introspector>,
    number: usize,
) -> impl Future<Output = Result<Active, IntrospectionError>> {
    let (introspector, token) = (Arc::clone(introspector), format!("junk-{number}"));
    async move { introspector.ask_opaque(token.as_bytes(), "https://a".to_owned()).await }
}

#[tokio::test(start_paused = true)]
async fn unknown_opaque_tokens_cause_100_calls_per_second() {
    let (endpoint, introspector) = setup(Reply::inactive());
    let mut rejected = 0;
    for number in 0..2000 {
        rejected += usize::from(opaque(&introspector, number).await != Err(IntrospectionError::Inactive));
        advance(Duration::from_millis(1)).await;
    }
    // A burst of 100, and 100 per second.
    assert!((290..=301).contains(&endpoint.calls()), "{}", endpoint.calls());
    assert_eq!(rejected + endpoint.calls(), 2000);
}

#[tokio::test(start_paused = true)]
async fn unknown_opaque_tokens_do_not_delay_known_ones() {
    let (endpoint, introspector) = setup(active());
    opaque(&introspector, 0).await.unwrap();
    endpoint.reply(Reply::Never);
    let mut junk: Vec<_> = (1..100).map(|number| task::spawn(opaque(&introspector, number))).collect();
    junk.iter_mut().for_each(|request| assert_pending!(request.poll()));
    endpoint.wait_for_calls(9).await;
    endpoint.reply(active());
    let start = Instant::now();
    introspector.ask(question("valid")).await.unwrap();
    advance(MAX_AGE).await;
    opaque(&introspector, 0).await.unwrap();
    assert_eq!(elapsed_since(start), MAX_AGE);
}

#[tokio::test(start_paused = true)]
async fn failures_about_unknown_tokens_affect_no_known_token() {
    let (endpoint, introspector) = setup(Reply::Status(StatusCode::BAD_GATEWAY));
    for number in 0..20 {
        opaque(&introspector, number).await.unwrap_err();
    }
    assert_eq!(endpoint.calls(), 5);
    endpoint.reply(active());
    introspector.ask(question("valid")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn failures_of_single_tokens_do_not_open_the_circuit() {
    for reply in [Reply::Status(StatusCode::BAD_REQUEST), Reply::active(&json!({ "iss": "https://b" }))] {
        let (endpoint, introspector) = setup(reply);
        for number in 0..20 {
            assert_eq!(opaque(&introspector, number).await, Err(UNAVAILABLE));
        }
        assert_eq!(endpoint.calls(), 20);
        endpoint.reply(active());
        opaque(&introspector, 20).await.unwrap();
    }
    let (endpoint, introspector) = setup(Reply::active(&json!({ "sub": "mallory" })));
    for number in 0..20 {
        assert_eq!(introspector.ask(question(&number.to_string())).await, Err(UNAVAILABLE));
    }
    endpoint.reply(active());
    introspector.ask(question("valid")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn token_without_a_valid_answer_is_not_asked_about_for_5_s() {
    let (endpoint, introspector) = setup(Reply::Status(StatusCode::BAD_REQUEST));
    for (elapsed, retry_after, calls) in [(0, 1000, 1), (1000, 4000, 1), (3999, 1, 1), (1, 1000, 2)] {
        advance(Duration::from_millis(elapsed)).await;
        let retry_after = Duration::from_millis(retry_after);
        assert_eq!(opaque(&introspector, 0).await, Err(IntrospectionError::Unavailable { retry_after }));
        assert_eq!(endpoint.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_are_limited() {
    let (endpoint, introspector) = setup(active());
    endpoint.delay(Duration::from_millis(100));
    let ask = |number: usize| {
        let introspector = Arc::clone(&introspector);
        async move { introspector.ask(question(&number.to_string())).await }
    };
    let mut requests: Vec<_> = (0..96).map(|number| task::spawn(ask(number))).collect();
    requests.iter_mut().for_each(|request| assert_pending!(request.poll()));
    for calls in [32, 64, 96] {
        endpoint.wait_for_calls(calls).await;
        assert_eq!(endpoint.calls(), calls);
        advance(Duration::from_millis(99)).await;
        assert_eq!(endpoint.calls(), calls);
        advance(Duration::from_millis(1)).await;
    }
    for request in requests {
        request.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn full_queue_is_unavailable_at_once() {
    let (endpoint, introspector) = setup(Reply::Never);
    let ask = |number: usize| {
        let introspector = Arc::clone(&introspector);
        async move { introspector.ask(question(&number.to_string())).await }
    };
    let mut requests: Vec<_> = (0..32 + 1024).map(|number| task::spawn(ask(number))).collect();
    requests.iter_mut().for_each(|request| assert_pending!(request.poll()));
    let metrics = measured(async {
        assert_eq!(ask(9999).await, Err(UNAVAILABLE));
    });
    assert_eq!(metrics.await["passport_inbound_introspections_total overloaded"], 1.0);
    assert!(endpoint.calls() <= 32);
}
