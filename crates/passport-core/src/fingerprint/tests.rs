use super::*;

#[test]
fn fingerprint_is_the_prefix_of_sha_256() {
    assert_eq!(Fingerprint::of(b"").to_string(), "e3b0c442");
}
