//! Rejects paths that a URL parser would change. Pure: no I/O, no clock.
//!
//! A URL parser resolves dot segments, converts `\` to `/` and removes line breaks. If an
//! application validates a path and the parser then changes it, the request is sent with the
//! service's token to another path than the validated one.

/// The reason why a path or URL is rejected: a URL parser or a server would interpret it as
/// another path. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPath {
    /// The path has a `\`, which URL parsers convert to `/`.
    #[error(
        "the path has a backslash, which URL parsers convert to a slash; write /, or encode the value in \
         the query"
    )]
    Backslash,
    /// The path or query has a tab, a line break or another control character, which URL parsers
    /// remove.
    #[error("the path or query has a control character, which URL parsers remove; remove it")]
    ControlCharacter,
    /// The path has a segment `.` or `..`, which URL parsers resolve.
    #[error(
        "the path has a dot segment (`.` or `..`), which URL parsers resolve to another path; write the \
         resolved path"
    )]
    DotSegment,
    /// The path has a segment `.` or `..` with an encoded dot (`%2e`), which URL parsers resolve.
    #[error(
        "the path has an encoded dot segment (`%2e`), which URL parsers resolve to another path; write the \
         resolved path"
    )]
    EncodedDotSegment,
    /// The path has a dot segment next to an encoded `/` or `\` (`..%2f`). A server can decode the
    /// separator first and then resolve the dot segment.
    #[error(
        "the path has a dot segment next to an encoded separator (`%2f` or `%5c`), which servers can decode \
         and resolve to another path; write the resolved path"
    )]
    EncodedSeparator,
    /// The URL has a scheme that is not followed by `//` and a host.
    #[error("the URL has a scheme but no host; write https://host/path, or only a path")]
    MissingHost,
    /// The path starts with `//`. Such a path starts with the name of a host.
    #[error("the path starts with //, which names a host; write one slash, or a URL with its scheme")]
    SchemeRelative,
    /// The path starts or ends with a space, which URL parsers remove.
    #[error("the path starts or ends with a space, which URL parsers remove; remove it")]
    Space,
}

/// Checks that URL parsers and servers interpret `text` as it is written. `text` is a path or an
/// absolute URL.
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

/// Returns the path of `text`, which is a path or an absolute URL, without a query. Returns an
/// error if `text` starts with `//`, or with an HTTP scheme but without a host.
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

/// Returns an error if a URL parser or a server can interpret `segment` as a dot segment.
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

/// The maximum number of times that the check decodes a segment. Several proxies and servers can
/// receive the request, and each can decode the segment once more.
const MAX_ENCODINGS: usize = 4;

/// Decodes the encoded characters in `lower` that can be part of a dot segment. `lower` is a
/// segment in lower case. An encoded `/` or `\` is decoded to `%2f`. The overlong `%c0%ae` is
/// decoded to a dot, because some servers do that.
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

/// Returns whether a server can interpret `segment`, which is decoded, as a dot segment. Before
/// that, some servers remove the segment's parameters (`..;a=b`), or a space or NUL at its end.
fn is_dot_segment(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default();
    matches!(name.trim_end_matches([' ', '\0']), "." | "..")
}

#[cfg(test)]
mod tests;
