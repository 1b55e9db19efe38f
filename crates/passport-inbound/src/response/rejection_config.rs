//! Settings for the responses to rejected requests.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{
    Extensions, Response,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{Rejection, response::protocol::ForcedProtocol};

/// Settings of a layer for its responses to rejected requests. Layers and extractors inside
/// inherit the settings that they do not have themselves.
#[derive(Clone, Default)]
pub(crate) struct RejectionConfig {
    /// Whether the response omits the reason.
    pub(crate) hides_details: bool,
    /// The function that changes or replaces an HTTP response.
    pub(crate) custom: Option<Arc<Respond>>,
    /// The protocol of all responses, regardless of the request's content type.
    pub(crate) forced: Option<ForcedProtocol>,
}

pub(crate) type Respond = dyn Fn(&Rejection, Response<Bytes>) -> Response<Bytes> + Send + Sync;

impl RejectionConfig {
    /// Stores the settings in a request's extensions, for the layers and extractors inside.
    #[inline] // most layers have no settings, and should not pay for a call
    pub(crate) fn insert_into(&self, extensions: &mut Extensions) {
        if self.hides_details || self.custom.is_some() || self.forced.is_some() {
            self.insert_within(extensions);
        }
    }

    #[cold]
    fn insert_within(&self, extensions: &mut Extensions) {
        let config = self.within(extensions);
        extensions.insert(config);
    }

    /// Returns these settings, with those of the authenticating layer outside as defaults.
    pub(crate) fn within(&self, extensions: &Extensions) -> Self {
        let Some(outer) = extensions.get::<Self>() else { return self.clone() };
        Self {
            hides_details: self.hides_details || outer.hides_details,
            custom: self.custom.as_ref().or(outer.custom.as_ref()).map(Arc::clone),
            forced: self.forced.or(outer.forced),
        }
    }

    /// Applies the custom function to the response.
    ///
    /// The response stays a rejection, as a proxy that delegates authentication acts on the status:
    /// 1xx and 2xx are replaced by the status of the rejection. A 401 keeps its challenge, which
    /// HTTP requires ([RFC 9110, section
    /// 15.5.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2)), and a 503 its
    /// `Retry-After`.
    pub(crate) fn finish(&self, rejection: &Rejection, standard: Response<Bytes>) -> Response<Bytes> {
        let Some(respond) = &self.custom else { return standard };
        let mandatory =
            [WWW_AUTHENTICATE, RETRY_AFTER].map(|name| (standard.headers().get(&name).cloned(), name));
        let mut response = respond(rejection, standard);
        if response.status().is_success() || response.status().is_informational() {
            *response.status_mut() = rejection.status();
        }
        if response.status() == rejection.status() {
            for (value, name) in mandatory {
                if let (Some(value), None) = (value, response.headers().get(&name)) {
                    response.headers_mut().insert(name, value);
                }
            }
        }
        response
    }
}

impl fmt::Debug for RejectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectionConfig")
            .field("hides_details", &self.hides_details)
            .field("is_custom", &self.custom.is_some())
            .field("forced", &self.forced)
            .finish()
    }
}

#[cfg(test)]
mod tests;
