use super::*;

#[test]
fn request_that_needs_keys_gets_a_slot_in_their_queue() {
    let queues = WaitQueues::new();
    for (current, waits_for_keys, is_for_keys) in [
        (None, false, false),
        (None, true, true),
        (Some(false), false, false),
        (Some(false), true, true),
        (Some(true), false, true),
        (Some(true), true, true),
    ] {
        let current_slot = current.map(|for_keys| queues.slot(None, for_keys).unwrap());
        let slot = queues.slot(current_slot, waits_for_keys).unwrap();
        assert_eq!(slot.is_for_keys, is_for_keys, "{current:?} {waits_for_keys}");
    }
}

#[test]
fn existing_slot_is_reused_if_the_queue_is_full() {
    for (is_for_keys, waits_for_keys) in [(false, false), (true, false), (true, true)] {
        let queues = WaitQueues::new();
        let mut slots: Vec<_> = (0..MAX_WAITING).map(|_| queues.slot(None, is_for_keys).unwrap()).collect();
        let current = slots.pop();
        assert!(queues.slot(None, is_for_keys).is_none());
        assert!(queues.slot(current, waits_for_keys).is_some(), "{is_for_keys} {waits_for_keys}");
    }
}
