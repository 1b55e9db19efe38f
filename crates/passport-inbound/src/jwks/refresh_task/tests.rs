use std::sync::Mutex;

use passport_core::ManualClock;

use super::*;

#[tokio::test(start_paused = true)]
async fn task_resumed_after_a_freeze_counts_as_running() {
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let (_changed, changes) = watch::channel(());
    let task: Arc<Mutex<Option<RefreshTask>>> = Arc::default();
    let (seen, mut ticks) = watch::channel(None);
    let of_tick = Arc::clone(&task);
    let tick = move || {
        seen.send_replace(of_tick.lock().unwrap().as_ref().map(RefreshTask::is_running));
        Some(Duration::from_secs(600))
    };
    let spawned = RefreshTask::spawn(&Handle::current(), SharedClock::new(clock.clone()), tick, changes);
    *task.lock().unwrap() = Some(spawned);
    clock.advance(STALLED_AFTER);
    assert!(!task.lock().unwrap().as_ref().unwrap().is_running(), "the task has not resumed");
    ticks.changed().await.unwrap();
    assert_eq!(*ticks.borrow(), Some(true));
}
