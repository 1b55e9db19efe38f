use super::*;

#[test]
fn fingerprint_is_the_begin_of_sha_256() {
    assert_eq!(Fingerprint::of(b"").to_string(), "e3b0c442");
}
