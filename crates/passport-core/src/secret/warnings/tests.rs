use super::*;

#[test]
fn unusual_characters_are_named() {
    for (text, expected) in [
        ("mics_sk_a1B2+/=", &[][..]),
        ("with blank inside", &[]),
        ("QUJDREVGRw==", &[]),
        ("a:b=c", &[]),
        ("\"", &[]),
        ("'", &[]),
        ("it's'", &[]),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", &[]),
        ("\u{feff}s3cret", &["begins with a byte order mark (BOM)"]),
        (" s3cret", &["begins with a space or tab"]),
        ("s3cret\t", &["ends with a space or tab", "contains a control character"]),
        ("s3cret ", &["ends with a space or tab"]),
        ("s3\ncret", &["contains a line break"]),
        ("\r\ns3cret", &["contains a line break"]),
        ("s3cret\u{a0}", &["contains a non-ASCII space (such as a no-break space)"]),
        ("s3\u{200b}cret", &["contains a non-ASCII space (such as a no-break space)"]),
        ("s3cret\0", &["contains a NUL"]),
        ("s3\u{1b}[0mcret", &["contains a control character"]),
        ("\"s3cret\"", &["has quotes around it"]),
        ("'s3cret'", &["has quotes around it"]),
        ("\u{201c}s3cret\u{201d}", &["has quotes around it"]),
        ("'s3cret' ", &["ends with a space or tab", "has quotes around it"]),
        ("Bearer s3cret", &["begins with `Bearer ` or `Basic `"]),
        ("PAYROLL_SECRET=s3cret", &["begins with `NAME=`, like a line of an env file"]),
        ("${PAYROLL_SECRET}", &["is a variable that was not replaced (`${NAME}`)"]),
        ("env:PAYROLL", &["is a reference (`env:`, `file:`), not the secret itself"]),
    ] {
        assert_eq!(of(text), expected, "{text:?}");
    }
}

#[test]
fn no_warning_contains_the_secret() {
    let warnings = of("\u{feff} \"Bearer NAME=hidden\n\u{a0}\0\" ").concat();
    assert!(!warnings.is_empty() && !warnings.contains("hidden"), "{warnings}");
}

#[test]
fn whitespace_of_every_kind_is_blank() {
    for blank in ["", " ", "\t \n", "\r\n\r\n", "\u{a0}", "\u{feff}", "\u{feff}\n", "\u{200b} \u{3000}"] {
        assert!(is_blank(blank), "{blank:?}");
    }
    assert!(!is_blank(" . ") && !is_blank("\0"));
}
