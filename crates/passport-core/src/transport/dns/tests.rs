use super::*;

#[test]
fn addresses_of_the_preferred_family_rotate() {
    let addresses =
        |text: &str| -> Vec<SocketAddr> { text.split(' ').map(|address| address.parse().unwrap()).collect() };
    let found = addresses("1.1.1.1:0 2.2.2.2:0 [::1]:0 [::2]:0");
    assert_eq!(rotated(found.clone(), 0), found);
    assert_eq!(rotated(found.clone(), 1), addresses("2.2.2.2:0 1.1.1.1:0 [::1]:0 [::2]:0"));
    assert_eq!(rotated(found.clone(), 2), found);
    assert_eq!(rotated(addresses("[::1]:0 1.1.1.1:0 [::2]:0"), 1), addresses("[::2]:0 [::1]:0 1.1.1.1:0"));
    assert_eq!(rotated(Vec::new(), 1), Vec::new());
}
