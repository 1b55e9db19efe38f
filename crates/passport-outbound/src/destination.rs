use std::sync::Arc;

use http::Uri;
use passport_core::{ConfigError, ConfigProblem, InvalidOrigin, Origin};
use url::Url;

use crate::attach::{AttachError, Destination};

/// The origins that may see the token.
///
/// Scheme, host and port must all match; each must be `https`, or a loopback host. The check is made on each request,
/// so a redirect that is followed above the layer cannot carry the token elsewhere.
///
/// What the client below does with a request is its own business: one that uses the system's proxy (reqwest does, unless
/// told `no_proxy()`) may send even a loopback request there, in plain text.
///
/// ```
/// use passport_outbound::AllowedOrigins;
///
/// AllowedOrigins::new(["https://api.bizfirst.ai", "https://erp.bizfirst.ai:8443"])?;
/// assert!(AllowedOrigins::new(["http://api.bizfirst.ai"]).is_err(), "plain http off this machine");
/// # Ok::<(), passport_outbound::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AllowedOrigins {
    origins: Arc<[Origin]>,
    path_only: bool,
}

impl AllowedOrigins {
    /// The origins of `urls`, each `https://host[:port]`.
    ///
    /// # Errors
    /// A [`ConfigError`] with each text that is not an origin or not secure, or when there is none at all.
    pub fn new<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let origins: Vec<_> = urls
            .into_iter()
            .filter_map(|url| ConfigProblem::collect(&mut problems, OPTION, secure(url.as_ref().parse())))
            .collect();
        if origins.is_empty() && problems.is_empty() {
            problems.push(ConfigProblem::new(OPTION, "name at least one, or no request could pass"));
        }
        if problems.is_empty() {
            Ok(Self { origins: origins.into(), path_only: false })
        } else {
            Err(ConfigError::new(problems))
        }
    }

    /// For a tonic `Channel` that was made from an endpoint with this URI (`endpoint.uri()`).
    ///
    /// Above a channel a request names only its path; the channel knows where it goes. So path-only requests pass, and
    /// the URI is checked here instead. That the channel really goes there is the caller's word.
    ///
    /// # Errors
    /// As [`AllowedOrigins::new`].
    pub fn channel(uri: &Uri) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let origin = ConfigProblem::collect(&mut problems, OPTION, Url::parse(&uri.to_string()));
        let origin =
            origin.and_then(|url| ConfigProblem::collect(&mut problems, OPTION, secure(Origin::of(&url))));
        origin
            .map(|origin| Self { origins: Arc::new([origin]), path_only: true })
            .ok_or_else(|| ConfigError::new(problems))
    }

    /// Whether the token may go to `destination`.
    pub(crate) fn check(&self, destination: &Destination<'_>) -> Result<(), AttachError> {
        let allowed = match *destination {
            Destination::Absolute { scheme, host, port } => {
                self.origins.iter().any(|origin| origin.matches(scheme, host, port))
            }
            Destination::PathOnly => self.path_only,
            Destination::Unclear => false,
        };
        if allowed { Ok(()) } else { Err(AttachError::not_allowed(destination)) }
    }
}

const OPTION: &str = "allowed_origins";

fn secure(origin: Result<Origin, InvalidOrigin>) -> Result<Origin, NotAllowable> {
    let origin = origin?;
    if origin.is_secure() { Ok(origin) } else { Err(NotAllowable::Plain(origin)) }
}

#[derive(Debug, thiserror::Error)]
enum NotAllowable {
    #[error("{0}")]
    Invalid(#[from] InvalidOrigin),
    #[error("{0} is plain http; a token may go there only over https (loopback excepted)")]
    Plain(Origin),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute<'a>(scheme: &'a str, host: &'a str, port: Option<u16>) -> Destination<'a> {
        Destination::Absolute { scheme, host, port }
    }

    #[test]
    fn only_listed_origins_pass() {
        let origins = AllowedOrigins::new(["https://api.bizfirst.ai", "http://127.0.0.1:8080"]).unwrap();
        for (destination, allowed) in [
            (absolute("https", "api.bizfirst.ai", None), true),
            (absolute("https", "API.BIZFIRST.AI", Some(443)), true),
            (absolute("http", "127.0.0.1", Some(8080)), true),
            (absolute("http", "api.bizfirst.ai", None), false),
            (absolute("https", "api.bizfirst.ai", Some(8443)), false),
            (absolute("https", "api.bizfirst.ai.", None), false),
            (absolute("https", "api.bizfirst.ai.evil.example", None), false),
            (absolute("http", "127.0.0.1", Some(8081)), false),
            (Destination::PathOnly, false),
            (Destination::Unclear, false),
        ] {
            assert_eq!(origins.check(&destination).is_ok(), allowed, "{destination:?}");
        }
    }

    #[test]
    fn above_a_channel_a_path_is_enough() {
        let origins = AllowedOrigins::channel(&Uri::from_static("https://grpc.bizfirst.ai/base")).unwrap();
        assert!(origins.check(&Destination::PathOnly).is_ok());
        assert!(origins.check(&Destination::Unclear).is_err());
        assert!(origins.check(&absolute("https", "elsewhere", None)).is_err());
    }

    #[test]
    fn every_wrong_origin_is_reported_at_once() {
        let error = AllowedOrigins::new(["http://a", "https://b/path", "c"]).unwrap_err();
        assert_eq!(error.problems().len(), 3, "{error}");
    }

    #[test]
    fn an_empty_list_is_a_mistake() {
        assert!(AllowedOrigins::new([""; 0]).is_err());
    }
}
