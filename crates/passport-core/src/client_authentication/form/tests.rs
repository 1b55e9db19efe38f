use super::*;

#[test]
fn names_and_values_are_form_encoded_with_percent_20() {
    let mut form = Form::of("scope", "openid roles");
    form.push("a b", "1+1=2 & 3%\u{e9}");
    assert_eq!(form.into_bytes(), "scope=openid%20roles&a%20b=1%2B1%3D2%20%26%203%25%C3%A9");
}

#[test]
fn debug_output_of_a_form_shows_no_field() {
    assert_eq!(format!("{:?}", Form::of("client_secret", "hidden")), "Form([redacted])");
}
