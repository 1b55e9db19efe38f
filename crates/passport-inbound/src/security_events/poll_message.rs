//! The messages between a poller and an issuer ([RFC 8936, section
//! 2](https://www.rfc-editor.org/rfc/rfc8936#section-2)). Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::EventError;

/// A request for events, with the results of the events of the last response.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PollRequest<'a> {
    pub(super) max_events: u32,
    pub(super) return_immediately: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) ack: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) set_errs: &'a BTreeMap<String, SetError>,
}

/// Why an event was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SetError {
    err: &'static str,
    description: String,
}

/// The events that an issuer returns. `moreAvailable` is not read: the issuer is polled again
/// immediately whenever it sends new events.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PollResponse {
    /// The security event tokens, by their `jti`.
    pub(super) sets: BTreeMap<String, String>,
}

/// What is reported to the issuer about the events of a response.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PollResults {
    pub(super) ack: Vec<String>,
    pub(super) set_errs: BTreeMap<String, SetError>,
}

impl PollResults {
    pub(super) fn is_empty(&self) -> bool {
        self.ack.is_empty() && self.set_errs.is_empty()
    }

    /// Adds the result of the event with this id. `processed` has the `jti` of the event. An event
    /// that can be processed later is not reported, so that the issuer sends it again. Returns
    /// whether the result is final.
    pub(super) fn add(&mut self, id: String, processed: Result<String, EventError>) -> bool {
        let error = match processed {
            Ok(jti) if jti == id => None,
            Ok(_) => Some(SetError {
                err: "invalid_request",
                description: "the name of the event is not its `jti`".to_owned(),
            }),
            Err(EventError::Rejected(code, problem)) => {
                Some(SetError { err: code.as_str(), description: problem.to_string() })
            }
            Err(EventError::Unavailable(_)) => return false,
        };
        match error {
            None => self.ack.push(id),
            Some(error) => drop(self.set_errs.insert(id, error)),
        }
        true
    }
}

#[cfg(test)]
mod tests;
