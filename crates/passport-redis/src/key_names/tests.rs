use super::*;

#[test]
fn channel_name_begins_with_the_namespace() {
    assert_eq!(channel("eu"), "eu:news");
}

#[test]
fn braces_of_a_client_id_are_escaped() {
    assert_eq!(escaped("mi-1:0a"), "mi-1:0a");
    assert_eq!(escaped("}{ a%"), "%7D%7B%20a%25");
}
