//! Parses replies that have entries of a stream. Pure.

use redis::Value;

/// An entry of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    /// The value of the entry. Empty if another program has written an entry with other fields.
    pub(super) value: Vec<u8>,
}

/// Returns the entries in a reply of `XRANGE`. An entry has an id, and a list of a field and its
/// value.
pub(super) fn entries(reply: Value) -> Vec<Entry> {
    let Value::Array(entries) = reply else { return Vec::new() };
    entries.into_iter().filter_map(entry).collect()
}

/// Returns the entries in a reply of `XREAD` with one stream. The reply is nil if there are none.
pub(super) fn new_entries(reply: Value) -> Vec<Entry> {
    match reply {
        Value::Map(mut streams) => streams.pop().map_or_else(Vec::new, |(_, reply)| entries(reply)),
        _ => Vec::new(),
    }
}

fn entry(entry: Value) -> Option<Entry> {
    let Value::Array(parts) = entry else { return None };
    let [Value::BulkString(id), fields] = <[Value; 2]>::try_from(parts).ok()? else { return None };
    Some(Entry { id: String::from_utf8(id).ok()?, value: value(fields).unwrap_or_default() })
}

/// Returns the value of the only field.
fn value(fields: Value) -> Option<Vec<u8>> {
    let Value::Array(fields) = fields else { return None };
    let [_, Value::BulkString(value)] = <[Value; 2]>::try_from(fields).ok()? else { return None };
    Some(value)
}

#[cfg(test)]
mod tests;
