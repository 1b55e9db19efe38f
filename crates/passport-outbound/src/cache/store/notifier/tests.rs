use tokio_test::{assert_pending, assert_ready, task::spawn};

use super::*;

fn key(scope: &str) -> TokenKey {
    let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
    TokenKey::new(&"mi-1".parse().unwrap(), &url, "client_secret", &scope.parse().unwrap())
}

#[test]
fn one_hears_of_the_token_that_one_waits_for_and_of_no_other() {
    let wake_ups = WakeUps::new();
    let mut notifications = wake_ups.listen(&key("mine"));
    let mut received = spawn(notifications.received());
    assert_pending!(received.poll());
    wake_ups.wake(&key("other").to_string());
    assert_pending!(received.poll());
    wake_ups.clone().wake(&key("mine").to_string());
    assert_ready!(received.poll());
}

#[test]
fn lagging_subscriber_is_notified() {
    let wake_ups = WakeUps::new();
    let mut notifications = wake_ups.listen(&key("mine"));
    for _ in 0..=CAPACITY {
        wake_ups.wake("other");
    }
    assert_ready!(spawn(notifications.received()).poll());
}
