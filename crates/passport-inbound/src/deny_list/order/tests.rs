use super::*;

fn key(id: u8) -> DenialKey {
    DenialKey([id; 16])
}

#[test]
fn items_have_the_order_and_the_stamps_of_denials() {
    let mut order = Order::default();
    let stamps = [1, 2, 1].map(|id| order.push(key(id)));
    assert_ne!(stamps[0], stamps[2]);
    let expected = [(1, stamps[0]), (2, stamps[1]), (1, stamps[2])];
    let expected = expected.map(|(id, stamp)| Item { key: key(id), stamp });
    assert_eq!(order.iter().copied().collect::<Vec<_>>(), expected);
    assert_eq!(order.front(), Some(expected[0]));
    for item in expected {
        assert_eq!(order.pop(), Some(item));
    }
    assert_eq!((order.pop(), order.front()), (None, None));
}

#[test]
fn many_outdated_items_are_removed() {
    let mut order = Order::default();
    for count in 1..=SPARE_ITEMS + 5 {
        let last = order.push(key(1));
        order.compact(4, |item| item.stamp == last);
        assert_eq!(order.iter().count(), count, "a few are kept");
    }
    let last = order.push(key(1));
    order.compact(4, |item| item.stamp == last);
    assert_eq!(order.iter().copied().collect::<Vec<_>>(), [Item { key: key(1), stamp: last }]);
}
