//! Requests and calls that the clock does not separate.

use super::*;

#[test]
fn call_is_after_requests_of_the_same_time() {
    let order = CallOrder::default();
    let (first, second) = (order.arrival(1000), order.arrival(1000));
    let call = order.call(1000);
    assert!(call > first && call > second);
}

#[test]
fn request_is_not_before_a_call_of_the_same_time() {
    let order = CallOrder::default();
    let calls = [order.call(1000), order.call(1000)];
    let arrival = order.arrival(1000);
    assert!(calls[0] < calls[1] && calls[1] <= arrival);
    assert!(order.call(1000) > arrival);
}

#[test]
fn clock_that_was_set_back_never_puts_a_call_later() {
    let order = CallOrder::default();
    let call = order.call(1000);
    assert!(order.arrival(500) >= call);
    let arrival = order.arrival(2000);
    assert!(order.call(500) <= arrival);
}
