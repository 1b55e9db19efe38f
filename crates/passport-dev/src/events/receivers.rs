//! The registered receivers of security events and of logout tokens.

use std::{collections::HashMap, sync::Arc};

use http::Uri;

use super::outbox::Outbox;

/// The error of a receiver whose URI cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("receiver `{uri}`: not an absolute http or https URI")]
pub struct InvalidReceiverUri {
    uri: String,
}

/// Parses the URI of a receiver.
///
/// # Errors
/// When `uri` is not an absolute `http` or `https` URI.
pub(crate) fn receiver_uri(uri: &str) -> Result<Uri, InvalidReceiverUri> {
    let parsed = uri
        .parse()
        .ok()
        .filter(|uri: &Uri| uri.authority().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
    parsed.ok_or_else(|| InvalidReceiverUri { uri: uri.to_owned() })
}

/// A receiver of logout tokens ([OpenID Connect Back-Channel Logout
/// 1.0](https://openid.net/specs/openid-connect-backchannel-1_0.html)).
#[derive(Clone, Debug)]
pub(crate) struct LogoutReceiver {
    pub(crate) uri: Uri,
    /// The client id of the application, which is the `aud` of its logout tokens.
    pub(crate) client_id: String,
}

/// The registered receivers.
#[derive(Debug, Default)]
pub(crate) struct Receivers {
    push: Vec<Arc<Outbox>>,
    /// The outboxes of receivers that poll, by client id.
    poll: HashMap<String, Arc<Outbox>>,
    logout: Vec<LogoutReceiver>,
}

impl Receivers {
    /// Adds a receiver to which SETs are pushed. Returns its outbox.
    pub(crate) fn add_push(&mut self, audience: &str) -> Arc<Outbox> {
        let outbox = Arc::new(Outbox::new(audience));
        self.push.push(Arc::clone(&outbox));
        outbox
    }

    /// Adds a receiver that polls as the client `client_id`. Replaces the receiver of this client,
    /// if there is one. Returns its outbox.
    pub(crate) fn add_poll(&mut self, client_id: &str, audience: &str) -> Arc<Outbox> {
        let outbox = Arc::new(Outbox::new(audience));
        self.poll.insert(client_id.to_owned(), Arc::clone(&outbox));
        outbox
    }

    /// Adds a receiver of logout tokens.
    pub(crate) fn add_logout(&mut self, receiver: LogoutReceiver) {
        self.logout.push(receiver);
    }

    /// Returns the outboxes of all receivers of SETs.
    pub(crate) fn outboxes(&self) -> Vec<Arc<Outbox>> {
        self.push.iter().chain(self.poll.values()).cloned().collect()
    }

    /// Returns the outboxes of the receivers to which SETs are pushed.
    pub(crate) fn push_outboxes(&self) -> Vec<Arc<Outbox>> {
        self.push.clone()
    }

    /// Returns the outbox of the receiver that polls as the client `client_id`. Returns `None` if
    /// there is no such receiver.
    pub(crate) fn poll_outbox(&self, client_id: &str) -> Option<Arc<Outbox>> {
        self.poll.get(client_id).cloned()
    }

    /// Returns the receivers of logout tokens.
    pub(crate) fn logout_receivers(&self) -> Vec<LogoutReceiver> {
        self.logout.clone()
    }
}

#[cfg(test)]
mod tests;
