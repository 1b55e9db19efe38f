use super::*;

#[test]
fn as_much_is_read_as_shows_that_a_value_is_too_long() {
    assert!(LOOK.contains(&format!("0, {MAX_VALUE})")));
}
