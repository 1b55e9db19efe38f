//! Parses signed tokens and validates their claims. Pure: no clock and no I/O; the current time
//! is an argument.
//!
//! `compact` splits a token, `header` validates its header, `signature` verifies the signature
//! with a key, `claims` parses the payload, and `validation` validates the claims. `claim_value`
//! and `claim_path` are for claims of other issuers, `issuer_pattern` for their `iss`.

pub(crate) mod algorithm;
pub(crate) mod claim_path;
pub(crate) mod claim_value;
pub(crate) mod claims;
pub(crate) mod compact;
pub(crate) mod header;
pub(crate) mod header_json;
pub(crate) mod issuer_pattern;
pub(crate) mod json;
pub(crate) mod signature;
pub(crate) mod validation;
