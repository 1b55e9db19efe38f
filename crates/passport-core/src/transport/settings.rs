use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use ::http::HeaderValue;

use super::{ReqwestHttpClient, Transport};
use crate::{CaCertificates, ConfigProblem};

const CA_FILE: &str = "ca_file";
const USER_AGENT: &str = "user_agent";

/// The part of a builder that says how its requests are sent: through a given transport, or through
/// an [`ReqwestHttpClient`] with a few settings.
#[derive(Clone, Debug, Default)]
pub struct TransportSettings {
    given: Option<Transport>,
    http: HttpSettings,
    transports: Transports,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct HttpSettings {
    ca_file: Option<PathBuf>,
    user_agent: Option<HeaderValue>,
}

impl TransportSettings {
    /// Takes the [`ReqwestHttpClient`] from `transports`. No effect with
    /// [`transport`](Self::transport).
    #[must_use]
    pub fn sharing(self, transports: Transports) -> Self {
        Self { transports, ..self }
    }

    /// Sets the transport. The other settings contradict it.
    #[must_use]
    pub fn transport(self, transport: Transport) -> Self {
        Self { given: Some(transport), ..self }
    }

    /// Sets the PEM file of a private certificate authority, trusted beside the system's.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.http.ca_file = Some(path.into());
        self
    }

    /// Sets the `User-Agent` header.
    #[must_use]
    pub fn user_agent(mut self, user_agent: HeaderValue) -> Self {
        self.http.user_agent = Some(user_agent);
        self
    }

    /// Returns whether a `ca_file` is set.
    #[must_use]
    pub fn has_ca_file(&self) -> bool {
        self.http.ca_file.is_some()
    }

    /// Returns the transport, or adds every mistake to `problems`.
    pub fn build(&self, problems: &mut Vec<ConfigProblem>) -> Option<Transport> {
        let Some(given) = &self.given else {
            return self.transports.get(&self.http, problems);
        };
        let set = [(CA_FILE, self.http.ca_file.is_some()), (USER_AGENT, self.http.user_agent.is_some())];
        let contradictions: Vec<_> = set.into_iter().filter(|(_, is_set)| *is_set).collect();
        problems.extend(contradictions.iter().map(|(option, _)| {
            let remedy = "it contradicts `transport`; leave one of them out, or set it in the transport";
            ConfigProblem::new(*option, remedy)
        }));
        contradictions.is_empty().then(|| given.clone())
    }
}

/// Transports by their settings. Builders with equal settings share one transport, and so one TLS
/// client with its root certificates.
///
/// Cheap to clone; clones share. A CA file is read when the first builder with it is built.
#[derive(Clone, Debug, Default)]
pub struct Transports(Arc<Mutex<HashMap<HttpSettings, Transport>>>);

impl Transports {
    fn get(&self, settings: &HttpSettings, problems: &mut Vec<ConfigProblem>) -> Option<Transport> {
        let mut transports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(transport) = transports.get(settings) {
            return Some(transport.clone());
        }
        let transport = Transport::new(settings.http_transport(problems)?);
        transports.insert(settings.clone(), transport.clone());
        Some(transport)
    }
}

impl HttpSettings {
    fn http_transport(&self, problems: &mut Vec<ConfigProblem>) -> Option<ReqwestHttpClient> {
        let ca = self.ca_file.as_ref().map(CaCertificates::from_pem_file).transpose();
        let ca = ConfigProblem::collect(problems, CA_FILE, ca);
        let user_agent = self.user_agent.clone();
        let transport = ReqwestHttpClient::configured(move |client| {
            user_agent.iter().cloned().fold(client, reqwest::ClientBuilder::user_agent)
        });
        Some(ca?.into_iter().fold(transport, ReqwestHttpClient::with_ca))
    }
}

#[cfg(test)]
mod tests;
