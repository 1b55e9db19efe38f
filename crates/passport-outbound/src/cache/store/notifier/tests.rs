use tokio_test::{assert_pending, assert_ready, task::spawn};

use super::*;

fn key(scope: &str) -> TokenKey {
    let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
    TokenKey::new(&"mi-1".parse().unwrap(), &url, "client_secret", &scope.parse().unwrap())
}

#[test]
fn subscriber_is_notified_of_its_key_only() {
    let notifier = Notifier::new();
    let mut notifications = notifier.listen(&key("subscribed"));
    let mut received = spawn(notifications.received());
    assert_pending!(received.poll());
    notifier.notify(&key("other").to_string());
    assert_pending!(received.poll());
    notifier.clone().notify(&key("subscribed").to_string());
    assert_ready!(received.poll());
}

#[test]
fn lagging_subscriber_is_notified() {
    let notifier = Notifier::new();
    let mut notifications = notifier.listen(&key("subscribed"));
    for _ in 0..=CAPACITY {
        notifier.notify("other");
    }
    assert_ready!(spawn(notifications.received()).poll());
}
