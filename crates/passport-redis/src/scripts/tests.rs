use super::*;

#[test]
fn read_is_one_byte_longer_than_the_longest_value() {
    assert!(READ.contains(&format!("0, {MAX_VALUE})")));
}
