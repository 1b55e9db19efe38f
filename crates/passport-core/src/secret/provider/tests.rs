use super::*;

#[test]
fn line_breaks_at_the_end_of_a_secret_are_removed() {
    for (text, expected) in [
        ("s3cret", "s3cret"),
        ("s3cret\n", "s3cret"),
        ("s3cret\r\n", "s3cret"),
        ("s3cret\n\r\n\n", "s3cret"),
        ("\ns3\ncret\n", "\ns3\ncret"),
        ("s3cret \n", "s3cret "),
        ("\n", ""),
    ] {
        assert_eq!(ResolvedSecret::new(text.into()).secret().expose(), expected, "{text:?}");
    }
}

#[test]
fn line_break_at_the_end_does_not_change_the_secret() {
    let [bare, broken] = ["s3cret", "s3cret\n"].map(|text| ResolvedSecret::new(text.into()));
    assert!(bare.has_same_secret(&broken));
    assert_eq!(bare.version(), broken.version());
}

#[test]
fn error_of_a_blank_secret_names_its_reference() {
    let reference: SecretRef = "vault:payroll".parse().unwrap();
    for blank in ["", "\n", " ", "\t\r\n", "\u{a0}", "\u{feff}\n"] {
        let error = ResolvedSecret::new(blank.into()).non_blank(&reference).unwrap_err();
        assert_eq!(error.kind(), SecretErrorKind::Empty);
        assert!(error.to_string().contains("`vault:payroll`"), "{error}");
    }
    assert!(ResolvedSecret::new(" s3cret ".into()).non_blank(&reference).is_ok());
}
