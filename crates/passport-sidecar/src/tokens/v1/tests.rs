use super::*;

#[test]
fn hash_is_hexadecimal() {
    assert!(is_hash(&"0aF".repeat(22)[..64]));
    for wrong in ["", "0a", &"0g".repeat(32), &"+a".repeat(32), &"ä".repeat(32)] {
        assert!(!is_hash(wrong), "{wrong}");
    }
}
