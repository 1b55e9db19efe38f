//! Settings for the responses to rejected requests.

use std::{fmt, mem, sync::Arc};

use bytes::Bytes;
use http::{
    Extensions, Response,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{
    Rejection,
    response::{challenges::Challenges, protocol::ForcedProtocol},
};

/// Settings of a layer for its responses to rejected requests. If a layer or an extractor inside
/// that layer does not set one of these settings itself, it uses the setting of the outer layer.
#[derive(Clone, Default)]
pub(crate) struct RejectionConfig {
    /// Whether responses omit the reason for rejecting a token, and the unmet requirement.
    pub(crate) hides_details: bool,
    /// The function that changes or replaces an HTTP response.
    pub(crate) custom: Option<Arc<Respond>>,
    /// The protocol of all rejections. If `None`, the method and the content type of the request
    /// decide.
    pub(crate) forced: Option<ForcedProtocol>,
    /// The challenges with the URL of the resource's metadata. If `None`, challenges have no URL.
    pub(crate) challenges: Option<Arc<Challenges>>,
}

/// The function of [`RejectionConfig::custom`]. Its arguments are the rejection and the standard
/// response. It returns the response that is sent.
pub(crate) type Respond = dyn Fn(&Rejection, Response<Bytes>) -> Response<Bytes> + Send + Sync;

impl RejectionConfig {
    /// Stores the settings in a request's extensions, for the layers and extractors inside.
    #[inline] // most layers have no settings, and should not pay for a call
    pub(crate) fn insert_into(&self, extensions: &mut Extensions) {
        if self.hides_details || self.custom.is_some() || self.forced.is_some() || self.challenges.is_some() {
            self.insert_within(extensions);
        }
    }

    /// Stores the settings in the extensions. If one of them is not set, the setting of the outer
    /// layer is stored.
    #[cold]
    fn insert_within(&self, extensions: &mut Extensions) {
        let config = self.within(extensions);
        extensions.insert(config);
    }

    /// Returns the settings of `self`. If one of them is not set, returns the setting of the outer
    /// `AuthenticateLayer`, which has stored its settings in `extensions`.
    pub(crate) fn within(&self, extensions: &Extensions) -> Self {
        let Some(outer) = extensions.get::<Self>() else { return self.clone() };
        Self {
            hides_details: self.hides_details || outer.hides_details,
            custom: self.custom.as_ref().or(outer.custom.as_ref()).map(Arc::clone),
            forced: self.forced.or(outer.forced),
            challenges: self.challenges.as_ref().or(outer.challenges.as_ref()).map(Arc::clone),
        }
    }

    /// Applies the custom function, if there is one, to the standard response, and replaces the
    /// response by the one that the function returns. This response remains a rejection:
    ///
    /// - A status 1xx or 2xx is replaced by the status of the rejection. Otherwise, a proxy that
    ///   delegates authentication would treat the response as success.
    /// - If the response has the status of the rejection but lacks one of these headers, the header
    ///   is added again: the challenge of a 401, which HTTP requires ([RFC 9110, section
    ///   15.5.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2)), and the `Retry-After` of
    ///   a 503.
    pub(crate) fn finish(&self, rejection: &Rejection, response: &mut Response<Bytes>) {
        let Some(respond) = &self.custom else { return };
        let mandatory =
            [WWW_AUTHENTICATE, RETRY_AFTER].map(|name| (response.headers().get(&name).cloned(), name));
        *response = respond(rejection, mem::take(response));
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
    }
}

impl fmt::Debug for RejectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectionConfig")
            .field("hides_details", &self.hides_details)
            .field("is_custom", &self.custom.is_some())
            .field("forced", &self.forced)
            .field("challenges", &self.challenges)
            .finish()
    }
}

#[cfg(test)]
mod tests;
