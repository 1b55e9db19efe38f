use super::*;

#[test]
fn request_that_needs_keys_waits_in_their_queue() {
    let queues = WaitQueues::new();
    for (held, waits_for_keys, is_for_keys) in [
        (None, false, false),
        (None, true, true),
        (Some(false), false, false),
        (Some(false), true, true),
        (Some(true), false, true),
        (Some(true), true, true),
    ] {
        let held_slot = held.map(|for_keys| queues.slot(None, for_keys).unwrap());
        let slot = queues.slot(held_slot, waits_for_keys).unwrap();
        assert_eq!(slot.is_for_keys, is_for_keys, "{held:?} {waits_for_keys}");
    }
}

#[test]
fn held_slot_is_enough_in_a_full_queue() {
    for (is_for_keys, waits_for_keys) in [(false, false), (true, false), (true, true)] {
        let queues = WaitQueues::new();
        let mut slots: Vec<_> = (0..MAX_WAITING).map(|_| queues.slot(None, is_for_keys).unwrap()).collect();
        let held = slots.pop();
        assert!(queues.slot(None, is_for_keys).is_none());
        assert!(queues.slot(held, waits_for_keys).is_some(), "{is_for_keys} {waits_for_keys}");
    }
}
