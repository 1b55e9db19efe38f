//! Challenges with the URL of the resource's metadata ([RFC 9728, section
//! 5.1](https://www.rfc-editor.org/rfc/rfc9728#section-5.1)). They are rendered once for each
//! configuration, so that a rejection formats no text.

use http::HeaderValue;

use crate::{Rejection, error::CoarseReason};

/// The challenges of a layer with resource metadata.
#[derive(Debug)]
pub(crate) struct Challenges {
    metadata_url: String,
    missing_credentials: HeaderValue,
    /// For an invalid token, without its reason.
    invalid_token: HeaderValue,
    /// For an invalid token, by [`CoarseReason`].
    by_reason: [HeaderValue; CoarseReason::ALL.len()],
}

impl Challenges {
    /// Renders the challenges. `scopes` has the scopes that a token needs, separated by spaces, for
    /// the parameter `scope` of the challenges of a 401 ([RFC 6750, section
    /// 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
    pub(crate) fn new(metadata_url: &str, scopes: Option<&str>) -> Self {
        let scope = scopes.map(|scopes| format!(", scope=\"{scopes}\"")).unwrap_or_default();
        let metadata = parameter(metadata_url);
        let challenge = |error: &str| header(format!("Bearer realm=\"passport\"{error}{scope}{metadata}"));
        let invalid_token = ", error=\"invalid_token\"";
        Self {
            metadata_url: metadata_url.to_owned(),
            missing_credentials: challenge(""),
            invalid_token: challenge(invalid_token),
            by_reason: CoarseReason::ALL.map(|reason| {
                challenge(&format!("{invalid_token}, error_description=\"{}\"", reason.name()))
            }),
        }
    }

    pub(crate) fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// Returns the challenge of a rejection. `standard` is the challenge without the URL. A
    /// rejection without a standard challenge has none.
    pub(crate) fn challenge(
        &self,
        rejection: &Rejection,
        hides_details: bool,
        standard: Option<HeaderValue>,
    ) -> Option<HeaderValue> {
        let standard = standard?;
        Some(match rejection {
            Rejection::MissingCredentials => self.missing_credentials.clone(),
            Rejection::Token { .. } if hides_details => self.invalid_token.clone(),
            Rejection::Token { reason, .. } => self.by_reason[reason.coarse() as usize].clone(),
            // The challenge for unmet scopes, which is rendered for each rejection.
            _ => match standard.to_str() {
                Ok(text) => header(format!("{text}{}", parameter(&self.metadata_url))),
                Err(_) => standard,
            },
        })
    }
}

fn parameter(metadata_url: &str) -> String {
    format!(", resource_metadata=\"{metadata_url}\"")
}

fn header(challenge: String) -> HeaderValue {
    HeaderValue::try_from(challenge).expect("URLs and scopes are visible ASCII")
}

#[cfg(test)]
mod tests;
