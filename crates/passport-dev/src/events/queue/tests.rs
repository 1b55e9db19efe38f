use super::*;

fn set(jti: &str) -> QueuedSet {
    QueuedSet { jti: jti.to_owned(), token: "eyJ".to_owned() }
}

fn jtis(sets: &[QueuedSet]) -> Vec<&str> {
    sets.iter().map(|set| &*set.jti).collect()
}

#[test]
fn set_is_returned_until_it_is_acknowledged() {
    let mut queue = SetQueue::default();
    ["a", "b", "c"].into_iter().for_each(|jti| queue.push(set(jti)));
    for _ in 0..2 {
        let (sets, has_more) = queue.first(2);
        assert_eq!((jtis(&sets), has_more), (vec!["a", "b"], true));
    }
    assert!(queue.acknowledge("a"));
    assert!(!queue.acknowledge("a"));
    let (sets, has_more) = queue.first(2);
    assert_eq!((jtis(&sets), has_more), (vec!["b", "c"], false));
}

#[test]
fn oldest_set_of_a_full_queue_fails() {
    let mut queue = SetQueue::default();
    (0..=MAX_QUEUED).for_each(|jti| queue.push(set(&jti.to_string())));
    assert_eq!((queue.len(), &*queue.oldest().unwrap().jti), (MAX_QUEUED, "1"));
    let failures = queue.failures();
    assert_eq!((failures.len(), failures[0].jti()), (1, "0"));
    assert!(failures[0].reason().contains("full (1000 SETs)"), "{failures:?}");
}

#[test]
fn oldest_failure_is_dropped() {
    let mut queue = SetQueue::default();
    for jti in 0..=MAX_QUEUED {
        queue.push(set(&jti.to_string()));
        queue.fail(&jti.to_string(), "no".to_owned());
    }
    queue.fail("unknown", "no".to_owned());
    let failures = queue.failures();
    assert_eq!((queue.len(), failures.len()), (0, MAX_QUEUED));
    assert_eq!((failures[0].jti(), failures[MAX_QUEUED - 1].jti()), ("1", "1000"));
}

#[test]
fn debug_omits_the_token() {
    assert!(!format!("{:?}", set("a")).contains("eyJ"));
}
