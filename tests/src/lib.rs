//! Compiles the code in the README and in `docs/`, so that it stays correct. The tests are in
//! `integration/`.

#[doc = include_str!("../../README.md")]
mod readme {}

#[doc = include_str!("../../docs/architecture.md")]
mod architecture {}

#[doc = include_str!("../../docs/benchmarks.md")]
#[expect(clippy::doc_markdown, reason = "it is generated, and full of names of crates")]
mod benchmarks {}

#[doc = include_str!("../../docs/caching.md")]
mod caching {}

#[doc = include_str!("../../docs/configuration.md")]
mod configuration {}

#[doc = include_str!("../../docs/defaults.md")]
mod defaults {}

#[doc = include_str!("../../docs/errors.md")]
mod errors {}

#[doc = include_str!("../../docs/from-dotnet.md")]
mod from_dotnet {}

#[doc = include_str!("../../docs/getting-started.md")]
mod getting_started {}

#[doc = include_str!("../../docs/inbound.md")]
mod inbound {}

#[doc = include_str!("../../docs/issuers.md")]
mod issuers {}

#[doc = include_str!("../../docs/issuers/auth0.md")]
mod issuers_auth0 {}

#[doc = include_str!("../../docs/issuers/cognito.md")]
mod issuers_cognito {}

#[doc = include_str!("../../docs/issuers/entra.md")]
mod issuers_entra {}

#[doc = include_str!("../../docs/issuers/google.md")]
mod issuers_google {}

#[doc = include_str!("../../docs/issuers/keycloak.md")]
mod issuers_keycloak {}

#[doc = include_str!("../../docs/issuers/okta.md")]
mod issuers_okta {}

#[doc = include_str!("../../docs/outbound.md")]
mod outbound {}

#[doc = include_str!("../../docs/propagation.md")]
mod propagation {}

#[doc = include_str!("../../docs/recipes.md")]
mod recipes {}

#[doc = include_str!("../../docs/revocation.md")]
mod revocation {}

#[doc = include_str!("../../docs/secrets.md")]
mod secrets {}

#[doc = include_str!("../../docs/security.md")]
mod security {}

#[doc = include_str!("../../docs/sidecar.md")]
mod sidecar {}

#[doc = include_str!("../../docs/streams.md")]
mod streams {}

#[doc = include_str!("../../docs/telemetry.md")]
#[expect(clippy::doc_markdown, reason = "it quotes log messages")]
mod telemetry {}

#[doc = include_str!("../../docs/testing.md")]
mod testing {}
