use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    runtime::{Builder, Runtime},
    time::{advance, sleep, timeout},
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(5), grace: SECOND };

type Outcome = Result<u8, TaskError>;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn spawned<W>(task: &SharedTask<Outcome>, work: impl FnOnce() -> W) -> Waiter<Outcome>
where
    W: Future<Output = u8> + Send + 'static,
{
    task.join_or_spawn(&Handle::current(), LIMITS, work, Some)
}

fn begun(task: &SharedTask<Outcome>) -> (Attempt<Outcome>, Waiter<Outcome>) {
    match task.join_or_start(LIMITS) {
        JoinOutcome::Started(attempt, waiter) => (attempt, waiter),
        JoinOutcome::Running(waiter) => panic!("{} is running", waiter.generation()),
    }
}

#[tokio::test(start_paused = true)]
async fn callers_share_one_attempt_and_its_outcome() {
    let (task, runs) = (SharedTask::new(), Arc::new(AtomicUsize::new(0)));
    let call = || {
        let runs = Arc::clone(&runs);
        spawned(&task, || async move {
            runs.fetch_add(1, Ordering::SeqCst);
            sleep(SECOND).await;
            7
        })
    };
    let (one, other) = (call(), call());
    assert_eq!((one.generation(), other.generation()), (1, 1));
    assert_eq!((one.outcome().await, other.outcome().await), (Ok(Ok(7)), Ok(Ok(7))));
    assert!(task.running().is_none() && task.is_current(1));
    assert_eq!(call().generation(), 2, "the next caller starts another");
    assert!(!task.is_current(1));
}

#[tokio::test(start_paused = true)]
async fn work_past_its_deadline_is_dropped() {
    let task = SharedTask::new();
    let kept = Arc::new(());
    let work = {
        let kept = Arc::clone(&kept);
        || async move {
            sleep(2 * LIMITS.deadline).await;
            drop(kept);
            1
        }
    };
    let (one, other) = (spawned(&task, work), task.running().unwrap());
    let started = Instant::now();
    let late = Ok(Err(TaskError::DeadlineExceeded));
    assert_eq!((one.outcome().await, other.outcome().await), (late, late));
    assert_eq!((started.elapsed(), Arc::strong_count(&kept)), (LIMITS.deadline, 1));
}

#[tokio::test(start_paused = true)]
async fn attempt_continues_when_its_caller_is_dropped() {
    let task = SharedTask::new();
    let work = || async {
        sleep(SECOND).await;
        1
    };
    assert!(timeout(SECOND / 100, spawned(&task, work).outcome()).await.is_err());
    assert_eq!(spawned(&task, || async { 2 }).outcome().await, Ok(Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn complete_runs_before_a_waiter_has_the_outcome() {
    let (task, done) = (SharedTask::new(), Arc::new(AtomicUsize::new(0)));
    let complete = {
        let done = Arc::clone(&done);
        move |result: Result<(), _>| {
            done.store(1, Ordering::SeqCst);
            result.ok()
        }
    };
    let waiter = task.join_or_spawn(&Handle::current(), LIMITS, || async {}, complete);
    assert_eq!((waiter.outcome().await, done.load(Ordering::SeqCst)), (Ok(()), 1));
}

#[tokio::test]
async fn dropped_attempt_wakes_its_waiters() {
    let task = SharedTask::<Outcome>::new();
    let (attempt, first) = begun(&task);
    let second = task.running().unwrap();
    drop(attempt);
    assert!(task.running().is_none());
    assert_eq!(
        (first.outcome().await, second.outcome().await),
        (Err(WaitError::Dropped), Err(WaitError::Dropped))
    );
    let (next, _) = begun(&task);
    assert_eq!(next.generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn panic_is_a_failure() {
    let task = SharedTask::new();
    let work = || async {
        sleep(SECOND).await;
        panic!("on purpose")
    };
    assert_eq!(spawned(&task, work).outcome().await, Ok(Err(TaskError::Panicked)));
}

/// The deadline needs tokio's timer. On a runtime without a timer, the attempt panics outside of
/// its work.
#[test]
fn attempt_without_a_timer_wakes_its_waiters() {
    let task = SharedTask::new();
    let without_timer = Builder::new_current_thread().build().unwrap();
    let waiter = task.join_or_spawn(without_timer.handle(), LIMITS, || async { 7 }, Some);
    without_timer.block_on(tokio::task::yield_now());
    assert!(task.running().is_none());
    assert_eq!(runtime().block_on(waiter.outcome()), Ok(Err(TaskError::Dropped)));
}

#[tokio::test(start_paused = true)]
async fn complete_without_an_outcome_drops_the_attempt() {
    let task = SharedTask::<u8>::new();
    let waiter = task.join_or_spawn(&Handle::current(), LIMITS, || async {}, |_| None);
    assert_eq!(waiter.outcome().await, Err(WaitError::Dropped));
    let complete = |_: Result<(), _>| panic!("on purpose");
    let waiter = task.join_or_spawn(&Handle::current(), LIMITS, || async {}, complete);
    assert_eq!(waiter.outcome().await, Err(WaitError::Dropped), "a panic of `complete` has the same effect");
}

#[test]
fn complete_runs_when_the_runtime_shuts_down() {
    let task = SharedTask::new();
    let ended = runtime();
    let begun = ended.block_on(async { spawned(&task, pending::<u8>) });
    let handle = ended.handle().clone();
    drop(ended);
    // The runtime has shut down, so it drops the tokio task before the first poll.
    let after = task.join_or_spawn(&handle, LIMITS, pending::<u8>, Some);
    runtime().block_on(async {
        for waiter in [begun, after] {
            assert_eq!(waiter.outcome().await, Ok(Err(TaskError::Dropped)));
        }
    });
}

#[test]
fn attempt_on_a_stalled_runtime_is_abandoned() {
    let (task, stalled) = (SharedTask::new(), runtime());
    let slow = || async {
        sleep(SECOND).await;
        1
    };
    let first = stalled.block_on(async { spawned(&task, slow) });
    runtime().block_on(async {
        let waiting = first.clone().outcome();
        advance(LIMITS.deadline).await;
        assert_eq!(spawned(&task, || async { 2 }).generation(), 1, "within the grace period");
        assert_eq!(waiting.await, Err(WaitError::Stalled));
        assert!(task.running().is_none() && task.is_current(1));
        let (second, waiter) = begun(&task);
        assert!(second.generation() == 2 && !task.is_current(1));
        second.finish(Ok(2));
        assert_eq!(waiter.outcome().await, Ok(Ok(2)));
    });
    let late = stalled.block_on(first.outcome());
    assert_eq!(late, Ok(Ok(1)), "its waiters receive the late outcome");
    assert!(!task.is_current(1) && task.is_current(2));
}

#[tokio::test]
async fn abandoned_attempt_is_replaced_once() {
    let task = SharedTask::new();
    let (first, waiter) = begun(&task);
    task.abandon(first.generation());
    assert!(task.running().is_none() && !task.is_current(first.generation()));
    let (second, _) = begun(&task);
    task.abandon(first.generation());
    assert_eq!(task.running().map(|running| running.generation()), Some(second.generation()));
    first.finish(Ok(1));
    assert_eq!(waiter.outcome().await, Ok(Ok(1)));
}

#[tokio::test]
async fn attempt_may_start_while_another_runs() {
    let task = SharedTask::new();
    let (first, one) = task.begin(LIMITS);
    let (second, other) = task.begin(LIMITS);
    assert!(!task.is_current(first.generation()) && task.is_current(second.generation()));
    first.finish(1);
    second.finish(2);
    assert_eq!((one.outcome().await, other.outcome().await), (Ok(1), Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn attempt_without_limits_never_stalls() {
    let task = SharedTask::<u8>::new();
    let (attempt, waiter) = task.begin(TaskLimits::UNLIMITED);
    advance(Duration::from_secs(24 * 60 * 60)).await;
    assert!(task.running().is_some());
    drop(attempt);
    assert_eq!(waiter.outcome().await, Err(WaitError::Dropped));
}
