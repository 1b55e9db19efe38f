//! Configuration of the inbound side: a verifier with its trusted issuers, policies and public
//! paths.
//!
//! Deserializing stores the values unparsed. Building the verifier parses all values, so that one
//! run reports every mistake. The mistakes that only the verifier's builder finds are reported
//! under the keys of the configuration.

mod claims;
mod config;
mod deny_list;
mod introspection;
mod issuer;
mod options;
mod policy;
mod preset;
mod protected_resource;
mod provider;
mod schema;
mod secret_sources;
mod section;
mod settings;
mod tenant;
mod trust;

pub use self::config::VerifierConfig;

#[cfg(test)]
mod tests;
