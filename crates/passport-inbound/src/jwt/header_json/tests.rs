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
