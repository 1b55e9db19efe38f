use super::*;

#[test]
fn hash_is_decoded_from_hex() {
    assert_eq!(decode_hex(&"0a".repeat(32)), Some([10; 32]));
    for wrong in ["", "0a", &"0g".repeat(32), &"+a".repeat(32), &"ä".repeat(32)] {
        assert_eq!(decode_hex(wrong), None, "{wrong}");
    }
}
