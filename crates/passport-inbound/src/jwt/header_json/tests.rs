use super::*;

fn members(json: &str) -> Result<Vec<(String, Option<String>)>, NotJson> {
    let mut members = Vec::new();
    object(json.as_bytes(), |name, value| {
        let text = match value {
            Value::Text(text) => Some(text.chars().collect()),
            Value::Other => None,
        };
        members.push((name.chars().collect(), text));
    })?;
    Ok(members)
}

fn one(json: &str) -> Option<String> {
    members(json).ok()?.pop()?.1
}

#[test]
fn members_are_visited_in_order() {
    let visited = members(r#" { "a" : "x" , "b":[1,{"c":null}],"d":-0.5e+3 } "#).unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(visited, [("a".to_owned(), text("x")), ("b".to_owned(), None), ("d".to_owned(), None)]);
    assert_eq!(members("{}"), Ok(Vec::new()));
}

#[test]
fn escapes_are_decoded() {
    assert_eq!(one(r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}"#).unwrap(), "\"\\/\u{8}\u{c}\n\r\té😀");
}

#[test]
fn duplicate_name_is_rejected_in_any_spelling() {
    for json in [r#"{"a":1,"a":2}"#, r#"{"a":1,"b":2,"\u0061":3}"#, r#"{"\u0061":1,"a":2}"#] {
        assert_eq!(members(json), Err(NotJson), "{json}");
    }
}

#[test]
fn invalid_json_is_rejected() {
    for json in [
        "",
        " ",
        "[]",
        "null",
        "{",
        "}",
        "{}x",
        "{} {}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u+123\"}",
        "{\"a\":\"\\ud83d\"}",
        "{\"a\":\"\\ud83dxxxxxx\"}",
        "{\"a\":\"\\ude00\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"",
        "{\"a\":[}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":{\"b\":1]}",
        "{\"a\":{1:2}}",
        "{\"a\":[1 2]}",
        "{\"a\":1 \"b\":2}",
        "\u{feff}{}",
        "{/**/}",
        "{'a':1}",
    ] {
        assert_eq!(members(json), Err(NotJson), "{json}");
    }
    assert!(object(b"{\"a\":\"\xff\"}", |_, _| {}).is_err());
}

#[test]
fn depth_and_number_of_members_are_bounded() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(members(&nested(32)).is_ok());
    assert!(members(&nested(33)).is_err());
    let many = |count: usize| {
        let members: Vec<_> = (0..count).map(|name| format!("\"{name}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(members(&many(32)).is_ok());
    assert!(members(&many(33)).is_err());
}

#[test]
fn skipped_values_may_have_any_type() {
    let visited = members(r#"{"a":true,"b":false,"c":null,"d":[true,false,null,"x",1],"e":"y"}"#).unwrap();
    assert_eq!(visited.len(), 5);
    assert_eq!(visited[4], ("e".to_owned(), Some("y".to_owned())));
}

#[test]
fn nested_arrays_and_objects_are_skipped_to_their_end() {
    for json in [
        r#"{"a":{"b":[],"c":1},"z":"z"}"#,
        r#"{"a":{"b":[1],"c":1},"z":"z"}"#,
        r#"{"a":{"b":{},"c":[{}]},"z":"z"}"#,
        r#"{"a":[{"b":[1,{"c":2}],"d":[]},[]],"z":"z"}"#,
        r#"{"a":[[{"b":[{"c":[]}]}],{"d":{"e":1}}],"z":"z"}"#,
    ] {
        assert_eq!(one(json).as_deref(), Some("z"), "{json}");
    }
}

#[test]
fn closing_bracket_without_an_opening_one_is_rejected() {
    for json in [r#"{"a":1]}"#, r#"{"a":1]"#, r#"{"a":[1]]}"#, r#"{"a":{"b":1}]}"#] {
        assert_eq!(members(json), Err(NotJson), "{json}");
    }
}

fn first(json: &str) -> Result<Option<String>, NotJson> {
    first_text(json.as_bytes(), "iss").map(|text| text.map(|text| text.chars().collect()))
}

#[test]
fn first_text_has_its_escapes_decoded() {
    for json in [
        r#"{"iss":"https://a.example/b"}"#,
        r#"{"iss":"https:\/\/a.example\/b"}"#,
        r#"{"\u0069ss":"https\u003a//a.example/b"}"#,
        r#" { "sub" : "x" , "iss" : "https://a.example/b" "#,
        r#"{"a":{"iss":"c"},"b":[{"iss":"d"}],"iss":"https://a.example/b","iss":"e"}"#,
    ] {
        assert_eq!(first(json), Ok(Some("https://a.example/b".to_owned())), "{json}");
    }
}

#[test]
fn first_text_is_absent_or_an_error() {
    for json in ["{}", r#"{"a":"iss"}"#, r#"{"ISS":"a"}"#, r#"{"a":{"iss":"b"}}"#] {
        assert_eq!(first(json), Ok(None), "{json}");
    }
    for value in ["null", "1", r#"["a"]"#, r#"{"iss":"a"}"#] {
        assert_eq!(first(&format!(r#"{{"iss":{value},"iss":"b"}}"#)), Err(NotJson), "{value}");
    }
    for json in ["", "[]", "\"iss\"", "{", r#"{"a":01,"iss":"b"}"#, r#"{"iss":"b"#, r#"{"iss":"\x"}"#] {
        assert_eq!(first(json), Err(NotJson), "{json}");
    }
}

#[test]
fn first_text_is_found_after_many_and_deep_members() {
    let many: String = (0..1000).map(|name| format!("\"{name}\":[{name}],")).collect();
    assert_eq!(first(&format!(r#"{{{many}"iss":"a"}}"#)), Ok(Some("a".to_owned())));
    let deep = |depth: usize| format!(r#"{{"x":{}{},"iss":"a"}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(first(&deep(126)), Ok(Some("a".to_owned())));
    assert_eq!(first(&deep(10_000)), Err(NotJson));
}

#[test]
fn decoded_text_must_fit_into_the_buffer() {
    let mut buffer = [0; 4];
    assert_eq!(Text("plain text").decoded(&mut buffer), Some("plain text"));
    assert_eq!(Text(r"a\/b\u00e9").decoded(&mut [0; 5]), Some("a/bé"));
    assert_eq!(Text(r"a\/bcd").decoded(&mut buffer), None);
    assert_eq!(Text(r"a\/b\u00e9").decoded(&mut buffer), None);
}

/// Finds the first member `iss` of an object, as `serde_json` parses it.
struct FirstIss(Option<serde_json::Value>);

impl<'de> serde::Deserialize<'de> for FirstIss {
    fn deserialize<D: serde::Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> serde::de::Visitor<'de> for Members {
            type Value = FirstIss;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<FirstIss, A::Error> {
                let mut first = None;
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if name == "iss" && first.is_none() {
                        first = Some(value);
                    }
                }
                Ok(FirstIss(first))
            }
        }

        value.deserialize_map(Members)
    }
}

/// Returns JSON values, some of which are not valid.
fn json_value() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("-1.5e3".to_owned()),
        Just("truE".to_owned()),
        Just(r#""iss""#.to_owned()),
        r#""([a-c:/]|\\/|\\u0069|\\n|é){0,6}""#,
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec(("(iss|a|\\\\u0069ss)", inner), 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    })]

    #[test]
    fn first_text_agrees_with_serde_json(
        members in proptest::collection::vec(("(iss|a|b|\\\\u0069ss|i\\\\u0073s)", json_value()), 0..5),
        blank in "[ \\n\\t]{0,2}",
    ) {
        let members: Vec<_> =
            members.iter().map(|(name, value)| format!("{blank}\"{name}\"{blank}:{blank}{value}")).collect();
        let json = format!("{blank}{{{}{blank}}}{blank}", members.join(","));
        // An invalid object can be valid up to its first `iss`.
        if let Ok(FirstIss(expected)) = serde_json::from_str(&json) {
            let expected = match expected {
                None => Ok(None),
                Some(serde_json::Value::String(text)) => Ok(Some(text)),
                Some(_) => Err(NotJson),
            };
            proptest::prop_assert_eq!(first(&json), expected, "{}", json);
        }
    }
}
