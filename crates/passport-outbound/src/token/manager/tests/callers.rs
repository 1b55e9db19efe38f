use super::*;

#[tokio::test]
async fn one_attempt_for_1000_callers_of_an_empty_entry() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let manager = Arc::clone(&manager);
            tokio::spawn(async move { fetch(&manager).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), "token-1");
    }
    assert_eq!(source.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn callers_on_many_threads_share_a_fast_attempt() {
    for _ in 0..300 {
        let source = ScriptedSource::new();
        let manager = manager(&source);
        let callers = (0..64).map(|_| {
            let manager = Arc::clone(&manager);
            tokio::spawn(async move { fetch(&manager).await })
        });
        for caller in futures_util::future::join_all(callers).await {
            assert_eq!(caller.unwrap().unwrap(), "token-1");
        }
        assert_eq!(source.calls(), 1);
    }
}

#[tokio::test]
async fn a_cancelled_caller_does_not_cancel_the_attempt() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.hold();
    let mut first = task::spawn(fetch(&manager));
    assert_pending!(first.poll());
    drop(first);
    let mut second = task::spawn(fetch(&manager));
    assert_pending!(second.poll());
    source.release();
    assert_eq!(second.await.unwrap(), "token-1");
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn callers_of_a_failed_attempt_share_one_error() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.fail_next(TokenErrorKind::Rejected);
    source.hold();
    let mut callers: Vec<_> = (0..10).map(|_| task::spawn(manager.token())).collect();
    for caller in &mut callers {
        assert_pending!(caller.poll());
    }
    source.release();
    let mut errors = Vec::new();
    for caller in callers {
        errors.push(caller.await.unwrap_err());
    }
    // And so do those who come within the pause.
    errors.push(manager.token().await.unwrap_err());
    assert!(errors.windows(2).all(|two| two[0].is(&two[1])));
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn nothing_is_fetched_before_the_first_call() {
    let source = ScriptedSource::new();
    let _engine = manager(&source);
    tokio::task::yield_now().await;
    assert_eq!(source.calls(), 0);
}

#[test]
fn without_a_runtime_the_caller_gets_an_error_and_no_panic() {
    let manager = manager(&ScriptedSource::new());
    let mut caller = task::spawn(fetch(&manager));
    let outcome = match caller.poll() {
        std::task::Poll::Ready(outcome) => outcome,
        std::task::Poll::Pending => panic!("nobody could ever wake this caller"),
    };
    assert_eq!(outcome, Err(TokenErrorKind::Canceled));
}

#[tokio::test]
async fn one_attempt_for_10000_callers_at_the_expiry() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(HOUR);
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let manager = Arc::clone(&manager);
            tokio::spawn(async move { fetch(&manager).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), "token-2");
    }
    assert_eq!(source.calls(), 2);
}

#[test]
fn an_identity_survives_the_runtime_that_it_was_first_used_on() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    source.hold();
    first.block_on(async {
        let mut caller = task::spawn(fetch(&manager));
        assert_pending!(caller.poll());
        tokio::task::yield_now().await;
    });
    drop(first); // and with it the attempt
    source.release();
    assert_eq!(runtime().block_on(fetch(&manager)).unwrap(), "token-2");
    assert_eq!(ready(&manager).as_deref(), Some("token-2"), "no runtime is needed to hand it out");
}

/// The only lock of the entry is held here: a call that takes it never returns.
#[tokio::test]
async fn call_takes_no_lock_with_a_live_token_or_in_a_pause() {
    let (source, manager) = with_a_token().await;
    {
        let _locked = manager.entry.locked();
        assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    }
    source.clock.advance(HOUR - 60 * SECOND);
    source.hold();
    ready(&manager); // starts the refresh
    {
        let _locked = manager.entry.locked();
        assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    }
    source.fail_next(TokenErrorKind::Rejected);
    source.release();
    settle(&manager).await;
    let _locked = manager.entry.locked();
    assert_eq!(ready(&manager).as_deref(), Some("token-1"));
}
