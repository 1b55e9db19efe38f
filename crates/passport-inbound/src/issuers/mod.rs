//! Trusted issuers as data: what an issuer's tokens must look like, how their claims map to a
//! caller, and for which tenants the issuer may speak. Pure: nothing here fetches keys or reads
//! a clock.

mod check;
mod claim_condition;
mod claim_map;
mod introspection;
mod issuer_name;
mod presets;
mod tenant_issuers;
mod tenant_rule;
mod trusted_issuer;

pub(crate) use self::{
    check::{MAX_ISSUER, STATIC_JWKS_CONFLICT},
    introspection::{MAX_AGE_RANGE, MAX_AGES, continue_time_problem},
    tenant_issuers::TenantIssuers,
    trusted_issuer::{DirectoryRule, IssuerKind},
};
pub use self::{
    claim_condition::ClaimCondition,
    claim_map::ClaimMap,
    introspection::{Introspection, IntrospectionMode},
    issuer_name::IssuerName,
    tenant_rule::TenantRule,
    trusted_issuer::{AudienceClaim, TrustedIssuer},
};
