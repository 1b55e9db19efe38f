//! Detects unusual characters in secrets. Pure. No result contains any part of the secret.

/// Invisible characters that Unicode does not classify as whitespace.
const INVISIBLE: [char; 5] = [BOM, '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}'];

const BOM: char = '\u{feff}';

const LINE_BREAKS: [char; 2] = ['\r', '\n'];

const QUOTES: [(char, char); 5] =
    [('"', '"'), ('\'', '\''), ('`', '`'), ('\u{201c}', '\u{201d}'), ('\u{2018}', '\u{2019}')];

/// Returns `text` without the line breaks at its end.
pub(super) fn without_line_breaks_at_end(text: &str) -> &str {
    text.trim_end_matches(LINE_BREAKS)
}

/// Returns whether `text` has no visible character.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(is_blank_character)
}

fn is_blank_character(character: char) -> bool {
    character.is_whitespace() || INVISIBLE.contains(&character)
}

/// Returns a warning for each unusual property of the secret `text`. Each warning completes the
/// sentence "the secret ..".
pub(super) fn of(text: &str) -> Vec<&'static str> {
    // A private key in PEM has line breaks and spaces, which a PEM parser accepts.
    if text.contains("-----BEGIN ") {
        return Vec::new();
    }
    let bare = text.trim_matches(is_blank_character);
    let has_non_ascii_space = |text: &str| text.chars().any(|c| !c.is_ascii() && is_blank_character(c));
    let checks = [
        (text.starts_with(BOM), "begins with a byte order mark (BOM)"),
        (text.starts_with([' ', '\t']), "begins with a space or tab"),
        (text.ends_with([' ', '\t']), "ends with a space or tab"),
        (text.contains(LINE_BREAKS), "contains a line break"),
        (
            has_non_ascii_space(text.trim_start_matches(BOM)),
            "contains a non-ASCII space (such as a no-break space)",
        ),
        (text.contains('\0'), "contains a NUL"),
        (text.contains(is_other_control), "contains a control character"),
        (is_quoted(bare), "has quotes around it"),
        (has_auth_scheme(bare), "begins with `Bearer ` or `Basic `"),
        (has_name(bare), "begins with `NAME=`, like a line of an env file"),
        (is_variable(bare), "is a variable that was not replaced (`${NAME}`)"),
        (is_reference(bare), "is a reference (`env:`, `file:`), not the secret itself"),
    ];
    checks.into_iter().filter(|(applies, _)| *applies).map(|(_, warning)| warning).collect()
}

fn is_other_control(character: char) -> bool {
    character.is_control() && !['\0', '\r', '\n'].contains(&character)
}

fn is_quoted(text: &str) -> bool {
    let mut characters = text.chars();
    let ends = characters.next().zip(characters.next_back());
    ends.is_some_and(|ends| QUOTES.contains(&ends))
}

fn has_auth_scheme(text: &str) -> bool {
    let scheme = text.split_once(' ').map_or("", |(scheme, _)| scheme);
    ["bearer", "basic"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// Returns whether `text` has the form `NAME=value`. The value must not be empty, because a
/// base64 text can end with `=`.
fn has_name(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else { return false };
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    is_name && value.contains(|char| char != '=')
}

fn is_variable(text: &str) -> bool {
    [("${", "}"), ("$(", ")"), ("{{", "}}")]
        .iter()
        .any(|(start, end)| text.starts_with(start) && text.ends_with(end))
}

fn is_reference(text: &str) -> bool {
    ["env:", "file:", "systemd:"].iter().any(|scheme| text.starts_with(scheme))
}

#[cfg(test)]
mod tests;
