use super::*;

#[test]
fn channel_is_in_the_namespace() {
    assert_eq!(channel("eu"), "eu:news");
}

#[test]
fn client_id_adds_no_braces_to_a_key() {
    assert_eq!(escaped("mi-1:0a"), "mi-1:0a");
    assert_eq!(escaped("}{ a%"), "%7D%7B%20a%25");
}
