use super::*;

#[test]
fn request_that_needs_keys_gets_a_slot_in_their_queue() {
    let (queue, keys) = (PermitQueue::new(), KeyQueue::new());
    let slot = |current, for_keys: bool| queue.slot(current, Some(&keys).filter(|_| for_keys));
    for (current, waits_for_keys, is_for_keys) in [
        (None, false, false),
        (None, true, true),
        (Some(false), false, false),
        (Some(false), true, true),
        (Some(true), false, true),
        (Some(true), true, true),
    ] {
        let current_slot = current.map(|for_keys| slot(None, for_keys).unwrap());
        let next = slot(current_slot, waits_for_keys).unwrap();
        assert_eq!(next.is_for_keys, is_for_keys, "{current:?} {waits_for_keys}");
    }
}

#[test]
fn existing_slot_is_reused_if_the_queue_is_full() {
    for (is_for_keys, waits_for_keys) in [(false, false), (true, false), (true, true)] {
        let (queue, keys) = (PermitQueue::new(), KeyQueue::new());
        let slot = |current, for_keys: bool| queue.slot(current, Some(&keys).filter(|_| for_keys));
        let mut slots: Vec<_> = (0..MAX_WAITING).map(|_| slot(None, is_for_keys).unwrap()).collect();
        let current = slots.pop();
        assert!(slot(None, is_for_keys).is_none());
        assert!(slot(current, waits_for_keys).is_some(), "{is_for_keys} {waits_for_keys}");
    }
}

#[test]
fn full_queue_of_one_issuer_leaves_room_for_another() {
    let (queue, full, other) = (PermitQueue::new(), KeyQueue::new(), KeyQueue::new());
    let slots: Vec<_> = (0..MAX_WAITING).map(|_| queue.slot(None, Some(&full)).unwrap()).collect();
    assert!(queue.slot(None, Some(&full)).is_none());
    assert!(queue.slot(None, Some(&other)).is_some() && queue.slot(None, None).is_some());
    drop(slots);
}
