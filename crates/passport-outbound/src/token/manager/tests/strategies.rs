use super::*;

async fn burst(engine: &Arc<Engine>) -> Vec<String> {
    let callers = futures_util::future::join_all((0..10).map(|_| fetch(engine))).await;
    let mut tokens: Vec<_> = callers.into_iter().map(Result::unwrap).collect();
    tokens.sort();
    tokens.dedup();
    tokens
}

#[tokio::test]
async fn without_a_cache_each_call_has_a_token_of_its_own() {
    let source = ScriptedSource::new();
    let engine = engine_that_keeps(&source, Keeping::Nothing);
    assert_eq!(burst(&engine).await.len(), 10);
    assert_eq!(source.calls(), 10);
    assert!(engine.slot.snapshot().kept.is_none());
}

#[tokio::test]
async fn a_coalesced_burst_is_one_token_and_the_next_burst_another() {
    let source = ScriptedSource::new();
    let engine = engine_that_keeps(&source, Keeping::InFlight);
    assert_eq!(burst(&engine).await, ["token-1"]);
    assert_eq!(burst(&engine).await, ["token-2"]);
    assert!(engine.slot.snapshot().kept.is_none());
}

#[tokio::test]
async fn passport_is_left_alone_after_a_refusal_with_every_strategy() {
    for keeping in [Keeping::Nothing, Keeping::InFlight, Keeping::Token] {
        let source = ScriptedSource::new();
        let engine = engine_that_keeps(&source, keeping);
        source.fail_next(TokenErrorKind::Refused);
        for _ in 0..10 {
            assert_eq!(fetch(&engine).await, Err(TokenErrorKind::Refused), "{keeping:?}");
        }
        assert_eq!(source.calls(), 1, "{keeping:?}");
        source.clock.advance(15 * SECOND);
        assert!(fetch(&engine).await.is_ok(), "{keeping:?}");
    }
}

#[tokio::test]
async fn two_engines_on_one_slot_share_the_token_and_the_attempt() {
    let source = ScriptedSource::new();
    let slot = Arc::default();
    let engines = [engine_with_slot(&source, &slot), engine_with_slot(&source, &slot)];
    let tokens = futures_util::future::join_all(engines.iter().map(fetch)).await;
    assert_eq!(tokens, [Ok("token-1".to_owned()), Ok("token-1".to_owned())]);
    assert_eq!(source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn failures_side_by_side_are_one_pause_and_the_longest_counts() {
    let source = ScriptedSource::new();
    let engine = engine_that_keeps(&source, Keeping::Nothing);
    for _ in 0..7 {
        source.fail_next(TokenErrorKind::Unavailable);
    }
    let callers = futures_util::future::join_all((0..7).map(|_| fetch(&engine))).await;
    assert!(callers.iter().all(Result::is_err));
    assert_eq!(source.calls(), 7);
    source.clock.advance(SECOND / 2);
    assert!(fetch(&engine).await.is_ok(), "the first pause is half a second at most");

    let throttled = Failure::of(TokenErrorKind::Unavailable).retry_after(Some(60 * SECOND));
    source.fail_next_with(throttled);
    source.fail_next(TokenErrorKind::Refused);
    source.fail_next(TokenErrorKind::Unavailable);
    futures_util::future::join_all((0..3).map(|_| fetch(&engine))).await;
    source.clock.advance(59 * SECOND);
    assert!(fetch(&engine).await.is_err());
    source.clock.advance(SECOND);
    assert!(fetch(&engine).await.is_ok());
}

/// The first identity has seen the clock being set back, the second was not there yet.
#[tokio::test(start_paused = true)]
async fn identities_that_share_a_slot_share_its_time() {
    let source = ScriptedSource::new();
    let slot = Arc::default();
    let before = engine_with_slot(&source, &slot);
    fetch(&before).await.unwrap();
    source.clock.advance(HOUR - 10 * SECOND);
    source.clock.set_back(HOUR / 2);
    assert_eq!(ready(&before).as_deref(), Some("token-1"));
    settle(&before).await;
    assert_eq!(ready(&before).as_deref(), Some("token-2"));
    let after = engine_with_slot(&source, &slot);
    source.clock.advance(HOUR - 5 * SECOND);
    assert_eq!(ready(&after), None);
    source.fail_next(TokenErrorKind::Unavailable);
    assert!(fetch(&before).await.is_err());
    source.clock.advance(SECOND);
    assert!(fetch(&after).await.is_ok(), "the pause of half a second is over for both");
}
