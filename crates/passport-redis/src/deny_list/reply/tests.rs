use super::*;

fn text(text: &str) -> Value {
    Value::BulkString(text.into())
}

fn raw_entry(id: &str, fields: &[&str]) -> Value {
    Value::Array(vec![text(id), Value::Array(fields.iter().map(|field| text(field)).collect())])
}

fn expected(id: &str, value: &str) -> Entry {
    Entry { id: id.to_owned(), value: value.into() }
}

#[test]
fn entries_are_parsed() {
    let reply = Value::Array(vec![raw_entry("1-0", &["denial", "a"]), raw_entry("1-1", &["denial", "b"])]);
    let parsed = [expected("1-0", "a"), expected("1-1", "b")];
    assert_eq!(entries(reply.clone()), parsed);
    assert_eq!(new_entries(Value::Map(vec![(text("stream"), reply)])), parsed);
}

#[test]
fn entry_with_other_fields_keeps_its_id() {
    for fields in [&[][..], &["a"], &["a", "b", "c", "d"]] {
        assert_eq!(entries(Value::Array(vec![raw_entry("1-0", fields)])), [expected("1-0", "")]);
    }
}

#[test]
fn reply_without_entries_is_empty() {
    assert_eq!(new_entries(Value::Nil), []);
    assert_eq!(new_entries(Value::Map(Vec::new())), []);
    assert_eq!(entries(Value::Array(Vec::new())), []);
}

#[test]
fn unexpected_reply_is_empty() {
    for reply in [Value::Nil, Value::Int(1), Value::Array(vec![Value::Int(1)]), Value::Array(vec![text("a")])]
    {
        assert_eq!(entries(reply), []);
    }
}
