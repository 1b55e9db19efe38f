//! What a caller may give as a path: a text that a URL takes as it is.
//!
//! A URL parser resolves dot segments, takes `\` for `/` and removes line breaks. A caller who has
//! checked the text would have checked another path than the one that the request goes to, with the
//! service's token.

/// A path or URL that is not sent as it is written. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPath {
    /// A `\`, which URLs take for `/`.
    #[error(
        "the path has a backslash, which URLs take for a slash; write / or encode the value in the query"
    )]
    Backslash,
    /// A tab, a line break or another control character, which URLs remove.
    #[error("the path or query has a control character, which URLs remove; take it out")]
    ControlCharacter,
    /// A segment `.` or `..`, which URLs resolve.
    #[error(
        "the path has a dot segment (`.` or `..`), which URLs resolve, so the request would go to another path; write the path that is meant"
    )]
    DotSegment,
    /// A segment `.` or `..` with an encoded dot (`%2e`), which URLs resolve.
    #[error(
        "the path has an encoded dot segment (`%2e`), which URLs resolve, so the request would go to another path; write the path that is meant"
    )]
    EncodedDotSegment,
    /// A dot segment beside an encoded `/` or `\` (`..%2f`), which servers may decode before they
    /// resolve it.
    #[error(
        "the path has a dot segment beside an encoded separator (`%2f` or `%5c`), which servers may decode and resolve, so the request would go to another path; write the path that is meant"
    )]
    EncodedSeparator,
    /// A scheme without `//` and a host behind it.
    #[error("the URL has a scheme but no host; write https://host/path, or a path alone")]
    MissingHost,
    /// `//host/path`, which names another host.
    #[error("the path begins with //, which names a host; write one slash, or the whole URL with its scheme")]
    SchemeRelative,
    /// A space at the beginning or end, which URLs remove.
    #[error("the path begins or ends with a space, which URLs remove; take it out")]
    Space,
}

/// Checks a path, or an absolute URL, before a URL parser changes it.
pub(super) fn check(text: &str) -> Result<(), InvalidPath> {
    if text.contains(|char: char| char.is_ascii_control()) {
        return Err(InvalidPath::ControlCharacter);
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(InvalidPath::Space);
    }
    let before_query = text.split(['?', '#']).next().unwrap_or_default();
    if before_query.contains('\\') {
        return Err(InvalidPath::Backslash);
    }
    path_of(before_query)?.split('/').try_for_each(check_segment)
}

/// Returns the path of a text without query.
fn path_of(text: &str) -> Result<&str, InvalidPath> {
    let of_http = text
        .split_once(':')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"));
    match of_http {
        None if text.starts_with("//") => Err(InvalidPath::SchemeRelative),
        None => Ok(text),
        Some((_, behind)) => {
            let authority_and_path = behind.strip_prefix("//").filter(|rest| !rest.starts_with('/'));
            let (_, path) =
                authority_and_path.ok_or(InvalidPath::MissingHost)?.split_once('/').unwrap_or_default();
            Ok(path)
        }
    }
}

fn check_segment(segment: &str) -> Result<(), InvalidPath> {
    if !segment.contains(['.', '%']) {
        return Ok(());
    }
    let lower = segment.to_ascii_lowercase();
    let decoded = decoded(&lower);
    let has_dots = decoded.split("%2f").any(is_dot_segment);
    if !has_dots {
        Ok(())
    } else if is_dot_segment(&lower) {
        Err(InvalidPath::DotSegment)
    } else if is_dot_segment(&decoded) {
        Err(InvalidPath::EncodedDotSegment)
    } else {
        Err(InvalidPath::EncodedSeparator)
    }
}

/// The number of encodings of a segment that are decoded. Proxies and servers may decode more than
/// once.
const MAX_ENCODINGS: usize = 4;

/// Decodes what may lead to a dot segment, a separator only as `%2f`. Some servers decode the
/// overlong `%c0%ae` to a dot.
fn decoded(lower: &str) -> String {
    const CODES: [(&str, &str); 8] = [
        ("%2e", "."),
        ("%c0%ae", "."),
        ("%5c", "%2f"),
        ("%c0%af", "%2f"),
        ("%3b", ";"),
        ("%20", " "),
        ("%00", "\0"),
        ("%25", "%"),
    ];
    let decode =
        |text: String| CODES.iter().fold(text, |text, (code, character)| text.replace(code, character));
    (0..MAX_ENCODINGS).fold(lower.to_owned(), |text, _| decode(text))
}

/// Some servers look for dot segments without their parameters (`..;a=b`), or without a space or
/// NUL at the end.
fn is_dot_segment(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default();
    matches!(name.trim_end_matches([' ', '\0']), "." | "..")
}

#[cfg(test)]
mod tests;
