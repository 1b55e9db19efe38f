use super::*;

#[test]
fn one_caller_does_not_take_all_permits() {
    let shares = Shares::new(3, 2);
    let (greedy, modest) = (Arc::<str>::from("greedy"), Arc::<str>::from("modest"));
    let held = [shares.take(Some(&greedy)), shares.take(Some(&greedy))];
    assert!(held.iter().all(Result::is_ok));
    assert_eq!(shares.take(Some(&greedy)).unwrap_err(), Exhausted::Caller);
    let last = shares.take(Some(&modest)).unwrap();
    assert_eq!(shares.take(Some(&modest)).unwrap_err(), Exhausted::All);
    assert_eq!(shares.take(None).unwrap_err(), Exhausted::All);
    drop(last);
    assert!(shares.take(Some(&modest)).is_ok(), "a failure takes no permit");
    drop(held);
    assert!(shares.take(Some(&greedy)).is_ok());
}
