//! Models of concurrent access to a shared task. No task is spawned: each thread itself runs the
//! attempt that it begins.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use loom::thread;

use crate::{
    models::three,
    shared_task::{Attempt, JoinOutcome, SharedTask, TaskLimits, WaitError, Waiter},
    sync::Mutex,
};

pub(crate) const ALL: [(&str, fn()); 5] = [
    ("attempts_do_not_overlap_and_every_waiter_gets_a_result", attempts_do_not_overlap),
    ("dropped_attempt_frees_its_waiters_and_the_next_caller", dropped_attempt_frees_its_waiters),
    ("stalled_attempt_is_replaced_by_one", stalled_attempt_is_replaced_by_one),
    ("result_of_an_abandoned_attempt_is_not_stored", result_of_an_abandoned_attempt_is_not_stored),
    ("result_is_stored_before_the_attempt_ends", result_is_stored_before_the_attempt_ends),
];

/// An attempt never counts as stalled.
const UNLIMITED: TaskLimits = TaskLimits::UNLIMITED;

/// An attempt counts as stalled immediately.
const STALLED: TaskLimits = TaskLimits { deadline: Duration::ZERO, grace: Duration::ZERO };

fn call<T>(task: &SharedTask<T>, run: impl FnOnce(Attempt<T>)) -> Waiter<T> {
    match task.join_or_start(UNLIMITED) {
        JoinOutcome::Running(waiter) => waiter,
        JoinOutcome::Started(attempt, waiter) => {
            run(attempt);
            waiter
        }
    }
}

/// Returns the result of a waiter after all threads have ended.
fn outcome<T: Clone>(waiter: Waiter<T>) -> Result<T, WaitError> {
    waiter.outcome().now_or_never().expect("no waiter is left waiting")
}

fn attempts_do_not_overlap() {
    let (task, running) = (Arc::new(SharedTask::new()), Arc::new(AtomicUsize::new(0)));
    let waiters = three(move || {
        call(&task, |attempt| {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            let generation = attempt.generation();
            attempt.finish(generation);
        })
    });
    for waiter in waiters {
        let generation = waiter.generation();
        assert_eq!(outcome(waiter), Ok(generation));
    }
}

fn dropped_attempt_frees_its_waiters() {
    let task = Arc::new(SharedTask::new());
    let waiters = three({
        let task = Arc::clone(&task);
        move || {
            call(&task, |attempt| match attempt.generation() {
                1 => drop(attempt),
                generation => attempt.finish(generation),
            })
        }
    });
    assert!(task.running().is_none());
    for waiter in waiters {
        match waiter.generation() {
            1 => assert_eq!(outcome(waiter), Err(WaitError::Dropped)),
            generation => assert_eq!(outcome(waiter), Ok(generation)),
        }
    }
}

fn stalled_attempt_is_replaced_by_one() {
    let task = Arc::new(SharedTask::<u8>::new());
    let (stalled, _) = task.begin(STALLED);
    let started = three({
        let task = Arc::clone(&task);
        move || match task.join_or_start(UNLIMITED) {
            JoinOutcome::Started(attempt, _) => Some(attempt),
            JoinOutcome::Running(waiter) => {
                assert_eq!(waiter.generation(), 2);
                None
            }
        }
    });
    let started: Vec<_> = started.into_iter().flatten().collect();
    assert_eq!(started.len(), 1);
    assert_eq!(started[0].generation(), 2);
    assert!(!task.is_current(stalled.generation()) && task.is_current(2));
}

/// A cache with a lock that is held while an attempt begins and while its result is stored.
#[derive(Default)]
struct Cache {
    stored: Mutex<u64>,
    task: SharedTask<u64>,
}

impl Cache {
    fn complete(&self, attempt: Attempt<u64>) {
        let generation = attempt.generation();
        let mut stored = self.stored.lock().unwrap();
        if self.task.is_current(generation) {
            *stored = generation;
        }
        drop(stored);
        attempt.finish(generation);
    }
}

fn result_of_an_abandoned_attempt_is_not_stored() {
    let cache = Arc::new(Cache::default());
    let (stalled, waiter) = cache.task.begin(STALLED);
    let late = thread::spawn({
        let cache = Arc::clone(&cache);
        move || cache.complete(stalled)
    });
    let next = thread::spawn({
        let cache = Arc::clone(&cache);
        move || {
            let stored = cache.stored.lock().unwrap();
            let joined = cache.task.join_or_start(UNLIMITED);
            drop(stored);
            let JoinOutcome::Started(attempt, _) = joined else { panic!("the first attempt has stalled") };
            cache.complete(attempt);
        }
    });
    late.join().unwrap();
    next.join().unwrap();
    assert_eq!(*cache.stored.lock().unwrap(), 2);
    assert_eq!(outcome(waiter), Ok(1), "its waiters still get the result");
}

fn result_is_stored_before_the_attempt_ends() {
    let cache = Arc::new(Cache::default());
    let (attempt, _) = cache.task.begin(UNLIMITED);
    let running = thread::spawn({
        let cache = Arc::clone(&cache);
        move || cache.complete(attempt)
    });
    let has_ended = cache.task.running().is_none();
    if has_ended {
        assert_eq!(*cache.stored.lock().unwrap(), 1);
    }
    running.join().unwrap();
}
