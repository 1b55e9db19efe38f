use super::*;

#[tokio::test]
async fn one_fetch_for_1000_callers_of_an_empty_entry() {
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
async fn callers_on_many_threads_share_a_fast_fetch() {
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
async fn canceled_caller_does_not_cancel_the_fetch() {
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
async fn callers_of_a_failed_fetch_share_one_error() {
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
    // Callers during the backoff get the same error.
    errors.push(manager.token().await.unwrap_err());
    assert!(errors.windows(2).all(|two| two[0].is(&two[1])));
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn no_fetch_starts_before_the_first_call() {
    let source = ScriptedSource::new();
    let _manager = manager(&source);
    tokio::task::yield_now().await;
    assert_eq!(source.calls(), 0);
}

#[test]
fn call_without_a_runtime_returns_an_error() {
    let manager = manager(&ScriptedSource::new());
    let mut caller = task::spawn(fetch(&manager));
    let result = match caller.poll() {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("without a runtime, nothing can wake this caller"),
    };
    assert_eq!(result, Err(TokenErrorKind::Canceled));
}

#[tokio::test]
async fn one_fetch_for_10000_callers_at_the_expiry() {
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
fn identity_outlives_the_runtime_of_its_first_call() {
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
    drop(first); // drops the fetch
    source.release();
    assert_eq!(runtime().block_on(fetch(&manager)).unwrap(), "token-2");
    assert_eq!(ready(&manager).as_deref(), Some("token-2"), "a cached token needs no runtime");
}

/// The test holds the only lock of the entry: a call that takes the lock would never return.
#[tokio::test]
async fn call_takes_no_lock_with_a_valid_token_or_in_backoff() {
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
