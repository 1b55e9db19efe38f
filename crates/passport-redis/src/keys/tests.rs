use super::*;

#[test]
fn whatever_a_client_id_holds_the_braces_are_ours() {
    assert_eq!(escaped("mi-1:0a"), "mi-1:0a");
    assert_eq!(escaped("}{ a%"), "%7D%7B%20a%25");
}
