//! The metadata document: its members, its bytes and its `ETag`. Pure.

use aws_lc_rs::digest;
use bytes::Bytes;
use http::HeaderValue;
use passport_core::Hex;
use serde::Serialize;

/// The configured members of the document.
#[derive(Clone, Debug)]
pub(super) struct Members {
    pub(super) resource: String,
    pub(super) name: Option<String>,
    pub(super) documentation: Option<String>,
    /// The scopes. If there are none, the document has no member for them.
    pub(super) scopes: Vec<String>,
}

/// A rendered document. Cheap to send: the bytes and the `ETag` are shared by all responses.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) content: Bytes,
    /// A strong `ETag`: the SHA-256 hash of the content.
    pub(super) tag: HeaderValue,
}

/// The members of the document ([RFC 9728, section
/// 2](https://www.rfc-editor.org/rfc/rfc9728#section-2)). An empty list is omitted ([section
/// 3.2](https://www.rfc-editor.org/rfc/rfc9728#section-3.2)).
#[derive(Serialize)]
struct Json<'a> {
    resource: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<&'a str>,
}

impl Document {
    /// Renders the document of a resource that accepts the tokens of `issuers`.
    pub(super) fn render(members: &Members, issuers: &[String]) -> Self {
        let json = Json {
            resource: &members.resource,
            resource_name: members.name.as_deref(),
            authorization_servers: issuers,
            scopes_supported: &members.scopes,
            // The layer reads the header of each request. It reads no body, and a query only of a
            // few requests, so a client could not use these for all requests.
            bearer_methods_supported: ["header"],
            resource_documentation: members.documentation.as_deref(),
        };
        let content = serde_json::to_vec(&json).expect("texts and lists of texts are valid JSON");
        let hash = digest::digest(&digest::SHA256, &content);
        let tag = format!("\"{}\"", Hex(hash.as_ref()));
        let tag = HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are a valid header");
        Self { content: content.into(), tag }
    }
}

#[cfg(test)]
mod tests;
