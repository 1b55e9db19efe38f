//! The table `protected_resource`: the metadata of the service for its clients (RFC 9728).

use passport_core::ConfigError;
use passport_inbound::{ProtectedResource, ProtectedResourceBuilder, TokenVerifier};
use schemars::JsonSchema;
use serde::Deserialize;

use super::section::Section;
use crate::{
    reader::Reader,
    setting::{AnySetting, Setting},
};

/// The metadata by which clients find the authorization servers of the service.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ResourceSettings {
    /// The URL at which clients reach the service. Required.
    #[schemars(extend("format" = "uri"))]
    resource: Setting<String>,
    /// The scopes that clients can request: a list, or one string. Defaults to none.
    scopes: Setting<Vec<String>>,
    /// The name of the service that clients show to users. Defaults to none.
    resource_name: Setting<String>,
    /// The URL of a page for developers who use the service. Defaults to none.
    #[schemars(extend("format" = "uri"))]
    resource_documentation: Setting<String>,
    /// Whether `resource` is allowed to be plain http. Only for a private network that is trusted
    /// or encrypted. Defaults to false.
    danger_plain_http: Setting<bool>,
}

impl Section for ResourceSettings {
    const NAME: &'static str = "protected_resource";
    const MAIN_KEYS: &'static str = "resource, scopes, resource_name, ...";
}

/// A value that replaces a missing setting, so that all other mistakes are found.
const UNUSED_RESOURCE: &str = "https://unused.example";

impl ResourceSettings {
    /// Returns the resource that `verifier` protects. Reports mistakes to `reader`.
    pub(super) fn resource(
        &self,
        verifier: &TokenVerifier,
        reader: &mut Reader<'_>,
    ) -> Option<ProtectedResource> {
        let resource = reader.require(&self.resource, "set the URL at which clients reach the service");
        let builder = ProtectedResource::builder(verifier, resource.as_deref().unwrap_or(UNUSED_RESOURCE));
        let builder = reader.set(builder, &self.scopes, |builder, scopes| builder.scopes(scopes.join(" ")));
        let builder = reader.set(builder, &self.resource_name, ProtectedResourceBuilder::resource_name);
        let builder = reader.set(
            builder,
            &self.resource_documentation,
            ProtectedResourceBuilder::resource_documentation,
        );
        let builder = if reader.read(&self.danger_plain_http) == Some(true) {
            builder.danger_plain_http()
        } else {
            builder
        };
        let built = builder.build();
        for problem in built.as_ref().err().map(ConfigError::problems).unwrap_or_default() {
            match self.setting(&problem.option) {
                Some(setting) => reader.report(setting, &problem.problem),
                // No key sets this option, so the problem keeps the name of the option.
                None => reader.extend([problem.clone()]),
            }
        }
        built.ok()
    }

    /// Returns the setting that sets an option of [`ProtectedResourceBuilder`].
    fn setting(&self, option: &str) -> Option<&dyn AnySetting> {
        match option {
            "resource" => Some(&self.resource),
            "scopes" => Some(&self.scopes),
            "resource_name" => Some(&self.resource_name),
            "resource_documentation" => Some(&self.resource_documentation),
            _ => None,
        }
    }
}
