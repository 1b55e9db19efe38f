use super::*;

#[test]
fn each_byte_is_two_digits() {
    assert_eq!(Hex(&[0, 0x0a, 0xff]).to_string(), "000aff");
    assert_eq!(Hex(&[]).to_string(), "");
}
