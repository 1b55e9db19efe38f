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

/// The transport settings of a builder: a [`Transport`] from the user, or the options of a
/// [`ReqwestHttpClient`].
#[derive(Clone, Debug, Default)]
pub struct TransportSettings {
    custom: Option<Transport>,
    http: HttpSettings,
    transports: TransportPool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct HttpSettings {
    ca_file: Option<PathBuf>,
    user_agent: Option<HeaderValue>,
}

impl TransportSettings {
    /// Sets the pool from which [`build`](Self::build) takes the transport. Builders with the same
    /// pool and equal settings share a transport. Has no effect together with
    /// [`transport`](Self::transport).
    #[must_use]
    pub fn transport_pool(self, transports: TransportPool) -> Self {
        Self { transports, ..self }
    }

    /// Returns the pool from which [`build`](Self::build) takes the transport.
    #[must_use]
    pub fn pool(&self) -> TransportPool {
        self.transports.clone()
    }

    /// Sets the transport that [`build`](Self::build) returns. If [`ca_file`](Self::ca_file) or
    /// [`user_agent`](Self::user_agent) is also set, `build` reports a conflict.
    #[must_use]
    pub fn transport(self, transport: Transport) -> Self {
        Self { custom: Some(transport), ..self }
    }

    /// Sets a PEM file with the certificates of a private certificate authority, which are trusted
    /// in addition to the system's root certificates. Defaults to none.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.http.ca_file = Some(path.into());
        self
    }

    /// Sets the `User-Agent` header of requests. Defaults to `tower-passport/<version>`.
    #[must_use]
    pub fn user_agent(mut self, user_agent: HeaderValue) -> Self {
        self.http.user_agent = Some(user_agent);
        self
    }

    /// Returns whether [`ca_file`](Self::ca_file) was called.
    #[must_use]
    pub fn has_ca_file(&self) -> bool {
        self.http.ca_file.is_some()
    }

    /// Returns the transport of these settings: the custom transport, or a transport from the pool.
    /// If the settings are not valid, adds every problem to `problems` and returns `None`.
    pub fn build(&self, problems: &mut Vec<ConfigProblem>) -> Option<Transport> {
        let Some(custom) = &self.custom else {
            return self.transports.get(&self.http, problems);
        };
        let set = [(CA_FILE, self.http.ca_file.is_some()), (USER_AGENT, self.http.user_agent.is_some())];
        let conflicts: Vec<_> = set.into_iter().filter(|(_, is_set)| *is_set).collect();
        problems.extend(conflicts.iter().map(|(option, _)| {
            let remedy = "conflicts with `transport`; remove one of them, or set it in the transport";
            ConfigProblem::new(*option, remedy)
        }));
        conflicts.is_empty().then(|| custom.clone())
    }
}

/// A pool of transports by their settings. Builders with the same pool and equal settings share
/// one transport, and so one TLS client with its root certificates.
///
/// Cheap to clone; clones share the pool. A CA file is read when a builder is built. If its
/// certificates have changed since the last time, there is a new transport.
#[derive(Clone, Debug, Default)]
pub struct TransportPool(Arc<Mutex<HashMap<HttpSettings, PooledTransport>>>);

/// A transport, and the certificates of the CA file with which it was created.
#[derive(Clone, Debug)]
struct PooledTransport {
    transport: Transport,
    ca: Option<CaCertificates>,
}

impl TransportPool {
    fn get(&self, settings: &HttpSettings, problems: &mut Vec<ConfigProblem>) -> Option<Transport> {
        let ca = settings.ca_file.as_ref().map(CaCertificates::from_pem_file);
        let ca = match ca {
            Some(ca) => Some(ConfigProblem::collect(problems, CA_FILE, ca)?),
            None => None,
        };
        let mut transports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pooled) = transports.get(settings)
            && pooled.has_same_ca(ca.as_ref())
        {
            return Some(pooled.transport.clone());
        }
        let transport = Transport::new(settings.client(ca.clone()));
        transports.insert(settings.clone(), PooledTransport { transport: transport.clone(), ca });
        Some(transport)
    }
}

impl PooledTransport {
    fn has_same_ca(&self, ca: Option<&CaCertificates>) -> bool {
        match (&self.ca, ca) {
            (Some(own), Some(ca)) => own.is_same(ca),
            (own, ca) => own.is_none() && ca.is_none(),
        }
    }
}

impl HttpSettings {
    fn client(&self, ca: Option<CaCertificates>) -> ReqwestHttpClient {
        let user_agent = self.user_agent.clone();
        let client = ReqwestHttpClient::configured(move |builder| {
            user_agent.iter().cloned().fold(builder, reqwest::ClientBuilder::user_agent)
        });
        ca.into_iter().fold(client, ReqwestHttpClient::with_ca)
    }
}

#[cfg(test)]
mod tests;
