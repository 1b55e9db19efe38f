//! The trusted issuers of a verifier, and the choice of the issuer of a token.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use foldhash::fast::RandomState;

use super::{diagnostics, header_memo::HeaderMemo, issuer_entry::IssuerEntry};
use crate::{
    RejectionReason,
    issuers::MAX_ISSUER,
    jwt::{
        algorithm::AllowedAlgorithms,
        compact::Jws,
        header::{HeaderMembers, TokenTypes},
        header_json::{self, Text},
        issuer_pattern::IssuerPattern,
    },
    metrics::TARGET,
    untrusted_text::Quoted,
};

/// The size of the buffer for the beginning of a payload, in bytes. Most issuers write `iss`
/// there.
const PAYLOAD_START: usize = 192;

/// The size of the buffer for most payloads, in bytes.
const SMALL_PAYLOAD: usize = 2 * 1024;

/// The maximum size of a decoded payload, in bytes: of the largest token that can be configured.
const MAX_PAYLOAD: usize = 48 * 1024;

/// The trusted issuers. Replaced as a whole by a reload.
#[derive(Debug)]
pub(crate) struct IssuerTable {
    /// The issuers in the order of the configuration.
    pub(super) entries: Box<[Arc<IssuerEntry>]>,
    /// The positions of issuers without a placeholder, by `iss` without trailing slashes. The
    /// configuration has no two issuers that differ only by a trailing slash.
    positions: HashMap<Box<str>, usize, RandomState>,
    /// The positions of issuers with a placeholder.
    patterns: Box<[usize]>,
    /// The issuer with opaque tokens.
    pub(super) opaque: Option<Arc<IssuerEntry>>,
    /// The different rules for headers that the issuers have.
    header_rules: Box<[HeaderRule]>,
    pub(super) memo: HeaderMemo,
    slash_warning: AtomicBool,
}

/// The headers that at least one issuer accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HeaderRule {
    allowed: AllowedAlgorithms,
    types: TokenTypes,
}

impl IssuerTable {
    pub(super) fn new(entries: Vec<Arc<IssuerEntry>>) -> Self {
        let (mut positions, mut patterns) = (HashMap::default(), Vec::new());
        let mut header_rules = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let rule = HeaderRule { allowed: entry.jwks.allowed.clone(), types: entry.token_types.clone() };
            if !header_rules.contains(&rule) {
                header_rules.push(rule);
            }
            match &entry.policy.issuer {
                IssuerPattern::Exact(iss) => {
                    positions.insert(iss.trim_end_matches('/').into(), position);
                }
                IssuerPattern::Directory { .. } => patterns.push(position),
            }
        }
        Self {
            opaque: entries.iter().find(|entry| entry.options.has_opaque_tokens()).cloned(),
            entries: entries.into(),
            positions,
            patterns: patterns.into(),
            header_rules: header_rules.into(),
            memo: HeaderMemo::default(),
            slash_warning: AtomicBool::new(false),
        }
    }

    /// Checks that at least one issuer accepts the header of a token.
    ///
    /// # Errors
    /// The reason for which the first of the rules rejects the header.
    pub(super) fn check_header(&self, members: &HeaderMembers<'_>) -> Result<(), RejectionReason> {
        let check = |rule: &HeaderRule| members.validate(&rule.allowed, &rule.types);
        let Some((first, others)) = self.header_rules.split_first() else { return Ok(()) };
        match check(first) {
            Err(reason) if !others.iter().any(|rule| check(rule).is_ok()) => {
                diagnostics::header(reason, members, &first.allowed, &first.types);
                Err(reason)
            }
            _ => Ok(()),
        }
    }

    /// Returns the issuer that the token claims to be from. Reads `iss` from the payload, whose
    /// signature is not verified yet, and allocates nothing. The result only says which keys to
    /// try: the claims are checked again when the signature is verified.
    ///
    /// # Errors
    /// [`IssuerMismatch`](RejectionReason::IssuerMismatch) if no trusted issuer has this `iss`,
    /// [`Malformed`](RejectionReason::Malformed) if the payload is not a JSON object.
    pub(super) fn route(&self, jws: &Jws<'_>) -> Result<&Arc<IssuerEntry>, RejectionReason> {
        let mut buffer = [0; PAYLOAD_START];
        let start = jws.start_of_payload(&mut buffer)?;
        // A member that the end of the buffer cuts off is an error.
        if let Ok(Some(iss)) = header_json::first_text_in_start(start, "iss") {
            return self.find_text(iss);
        }
        match jws.max_payload() {
            ..=SMALL_PAYLOAD => self.route_with_buffer::<SMALL_PAYLOAD>(jws),
            _ => self.route_with_buffer::<MAX_PAYLOAD>(jws),
        }
    }

    /// Routes a token with a decoded payload of at most `PAYLOAD` bytes. Not inlined, so that most
    /// calls do not need the stack of the large buffer.
    #[inline(never)]
    fn route_with_buffer<const PAYLOAD: usize>(
        &self,
        jws: &Jws<'_>,
    ) -> Result<&Arc<IssuerEntry>, RejectionReason> {
        let mut buffer = [0; PAYLOAD];
        let payload = jws.payload_in(&mut buffer)?;
        let iss = header_json::first_text(payload, "iss").map_err(|_| RejectionReason::Malformed)?;
        self.find_text(iss.ok_or(RejectionReason::IssuerMismatch)?)
    }

    /// Returns the issuer with this `iss`, which can have JSON escapes.
    fn find_text(&self, iss: Text<'_>) -> Result<&Arc<IssuerEntry>, RejectionReason> {
        let mut buffer = [0; MAX_ISSUER];
        let iss = iss.decoded(&mut buffer);
        iss.and_then(|iss| self.find(iss)).ok_or(RejectionReason::IssuerMismatch)
    }

    /// Returns the issuer with this `iss`, which is compared byte for byte.
    fn find(&self, iss: &str) -> Option<&Arc<IssuerEntry>> {
        if let Some(position) = self.positions.get(iss.trim_end_matches('/')) {
            let entry = &self.entries[*position];
            let own = &*entry.options.issuer;
            if own == iss {
                return Some(entry);
            }
            // Other spellings come from a client that guesses, and not from a wrong configuration.
            if own.strip_suffix('/') == Some(iss) || iss.strip_suffix('/') == Some(own) {
                self.warn_about_slash(entry, iss);
            }
        }
        let mut patterns = self.patterns.iter().map(|position| &self.entries[*position]);
        patterns.find(|entry| entry.policy.issuer.matches(iss))
    }

    /// Logs a warning, once, about a token whose `iss` differs from a configured issuer only by a
    /// trailing slash. With this mistake, every token is rejected, and the cause is hard to see.
    fn warn_about_slash(&self, entry: &IssuerEntry, iss: &str) {
        if !self.slash_warning.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: TARGET,
                configured = entry.options.issuer,
                token = ?Quoted(iss),
                "the issuer of the tokens differs from the configured one by a trailing slash: set `issuer` to the `iss` of the tokens"
            );
        }
    }
}

#[cfg(test)]
mod tests;
