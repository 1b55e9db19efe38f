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
        (" s3cret", &["begins with a blank or tab"]),
        ("s3cret\t", &["ends with a blank or tab", "holds a control character"]),
        ("s3cret ", &["ends with a blank or tab"]),
        ("s3\ncret", &["holds a line break"]),
        ("\r\ns3cret", &["holds a line break"]),
        ("s3cret\u{a0}", &["holds a blank that is not ASCII (no-break space)"]),
        ("s3\u{200b}cret", &["holds a blank that is not ASCII (no-break space)"]),
        ("s3cret\0", &["holds a NUL"]),
        ("s3\u{1b}[0mcret", &["holds a control character"]),
        ("\"s3cret\"", &["has quotes around it"]),
        ("'s3cret'", &["has quotes around it"]),
        ("\u{201c}s3cret\u{201d}", &["has quotes around it"]),
        ("'s3cret' ", &["ends with a blank or tab", "has quotes around it"]),
        ("Bearer s3cret", &["begins with `Bearer ` or `Basic `"]),
        ("PAYROLL_SECRET=s3cret", &["begins with `NAME=`, as a line of an env file does"]),
        ("${PAYROLL_SECRET}", &["is a variable that was not replaced (`${NAME}`)"]),
        ("env:PAYROLL", &["is a reference (`env:`, `file:`) and not the secret itself"]),
    ] {
        assert_eq!(of(text), expected, "{text:?}");
    }
}

#[test]
fn no_suspicion_shows_the_secret() {
    let told = of("\u{feff} \"Bearer NAME=hidden\n\u{a0}\0\" ").concat();
    assert!(!told.is_empty() && !told.contains("hidden"), "{told}");
}

#[test]
fn blanks_of_every_kind_are_blank() {
    for blank in ["", " ", "\t \n", "\r\n\r\n", "\u{a0}", "\u{feff}", "\u{feff}\n", "\u{200b} \u{3000}"] {
        assert!(is_blank(blank), "{blank:?}");
    }
    assert!(!is_blank(" . ") && !is_blank("\0"));
}
