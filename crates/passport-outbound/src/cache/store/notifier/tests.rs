use tokio_test::{assert_pending, assert_ready, task::spawn};

use super::*;

fn key(scope: &str) -> TokenKey {
    let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
    TokenKey::new(&"mi-1".parse().unwrap(), &url, "client_secret", &scope.parse().unwrap())
}

#[test]
fn one_hears_of_the_token_that_one_waits_for_and_of_no_other() {
    let notifications = Notifier::new();
    let mut notifications = notifications.listen(&key("mine"));
    let mut received = spawn(notifications.received());
    assert_pending!(received.poll());
    notifications.notify(&key("other").to_string());
    assert_pending!(received.poll());
    notifications.clone().notify(&key("mine").to_string());
    assert_ready!(received.poll());
}

#[test]
fn lagging_subscriber_is_notified() {
    let notifications = Notifier::new();
    let mut notifications = notifications.listen(&key("mine"));
    for _ in 0..=CAPACITY {
        notifications.notify("other");
    }
    assert_ready!(spawn(notifications.received()).poll());
}
