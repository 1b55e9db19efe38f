use super::*;

#[test]
fn read_length_exceeds_the_maximum_by_one_byte() {
    assert!(READ.contains(&format!("0, {MAX_VALUE})")));
}
