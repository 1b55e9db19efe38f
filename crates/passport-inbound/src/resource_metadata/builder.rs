//! The builder of a `ProtectedResource`. The builder collects all problems into one error.

use std::fmt;

use passport_core::{ConfigError, ConfigProblem, Scopes};
use url::Url;

use super::{ProtectedResource, document::Members, identifier::ResourceIdentifier};
use crate::TokenVerifier;

/// A builder of a [`ProtectedResource`]. [`build`](Self::build) reports all configuration problems
/// in one error.
///
/// Two members of the metadata have no option:
///
/// - `authorization_servers` has the issuers of the verifier, in the order of the configuration.
///   For an issuer with the placeholder `{tenantid}`, it has one issuer for each of the
///   [`allowed_directories`](crate::TrustedIssuer::allowed_directories). With
///   [`danger_any_directory`](crate::TrustedIssuer::danger_any_directory) it has none for this
///   issuer, because they are not known. If no issuer is left, the member is absent.
/// - `bearer_methods_supported` is always `["header"]`. The layer reads no token from a body, and
///   [from the query](crate::AuthenticateLayer::token_from_query) only if a client cannot set
///   headers.
#[must_use]
pub struct ProtectedResourceBuilder {
    verifier: TokenVerifier,
    resource: String,
    allows_plain_http: bool,
    scopes: Option<String>,
    name: Option<String>,
    documentation: Option<String>,
}

impl ProtectedResourceBuilder {
    pub(super) fn new(verifier: TokenVerifier, resource: String) -> Self {
        Self { verifier, resource, allows_plain_http: false, scopes: None, name: None, documentation: None }
    }

    /// Sets the scopes that clients can request for the resource (`scopes_supported`), separated by
    /// spaces. Defaults to none: the member is then absent.
    pub fn scopes(mut self, scopes: impl Into<String>) -> Self {
        self.scopes = Some(scopes.into());
        self
    }

    /// Sets the name of the resource that clients show to users (`resource_name`). Defaults to
    /// none.
    pub fn resource_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the URL of a page for developers who use the resource (`resource_documentation`).
    /// Defaults to none.
    pub fn resource_documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Allows plain `http` for the resource identifier. Loopback hosts need no permission.
    ///
    /// **Danger:** anyone on the network path can replace the metadata, and with it the
    /// authorization servers that clients use. Use this option only in a private network that is
    /// trusted or encrypted.
    pub fn danger_plain_http(mut self) -> Self {
        self.allows_plain_http = true;
        self
    }

    /// Builds the resource and renders its metadata.
    ///
    /// # Errors
    /// [`ConfigError`], with one problem for each invalid option. The resource identifier is an
    /// `https` URL without a fragment, in the form to which clients normalize URLs: for example
    /// with the host in lower case and without the default port.
    pub fn build(self) -> Result<ProtectedResource, ConfigError> {
        let mut problems = Vec::new();
        let identifier = ResourceIdentifier::parse(&self.resource, self.allows_plain_http);
        let identifier =
            identifier.map_err(|problem| problems.push(ConfigProblem::new("resource", problem))).ok();
        let scopes = self.scopes.map(|scopes| scopes.parse::<Scopes>()).transpose();
        let scopes = ConfigProblem::collect(&mut problems, "scopes", scopes).flatten();
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            let problem = "must not be empty; set a name, or omit the option";
            problems.push(ConfigProblem::new("resource_name", problem));
        }
        if self.documentation.as_ref().is_some_and(|url| !is_web_page(url)) {
            let problem = "not an http or https URL; write the URL of a page, or omit the option";
            problems.push(ConfigProblem::new("resource_documentation", problem));
        }
        let Some(identifier) = identifier.filter(|_| problems.is_empty()) else {
            return Err(ConfigError::new(problems));
        };
        let members = Members {
            resource: identifier.as_str().to_owned(),
            name: self.name,
            documentation: self.documentation,
            scopes: scopes.iter().flat_map(Scopes::iter).map(str::to_owned).collect(),
        };
        Ok(ProtectedResource::new(self.verifier, identifier, members))
    }
}

fn is_web_page(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// Omits the URLs, which can contain credentials: `build` rejects such a URL, but `build` was not
/// called yet.
impl fmt::Debug for ProtectedResourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectedResourceBuilder")
            .field("scopes", &self.scopes)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
