//! Classification of TLS failures, by the causes of an HTTP client's error.

use std::error::Error;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::error_chain::chain;

/// The reason why no TLS session was established with a server.
///
/// `Display` names the reason and the remedy. All reasons are permanent: a certificate, a URL or
/// this machine has to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The server's certificate is rejected for a reason that has no variant in this enum. The
    /// cause of the error names the reason.
    #[error("the server's certificate is not valid; replace it")]
    BadCertificate,
    /// The server uses the certificate of a certificate authority (CA) as its own.
    #[error(
        "the server's certificate is that of a CA; have the CA issue a certificate for the server, and \
         name the CA's certificate in ca_file"
    )]
    CaAsServer,
    /// The server requires a client certificate.
    #[error(
        "the server requires a client certificate that it trusts (mutual TLS); configure one with \
         ReqwestHttpClient::configured"
    )]
    ClientCertificateRequired,
    /// The server's certificate has expired, according to this machine's clock.
    #[error("the server's certificate has expired; renew it, or correct this machine's clock")]
    Expired,
    /// Client and server have no TLS version or cipher suite in common. Some servers also report a
    /// missing client certificate in this way.
    #[error(
        "the TLS handshake failed: no common protocol version or cipher suite (enable TLS 1.2 or 1.3 on \
         the server), or the server requires a client certificate"
    )]
    Handshake,
    /// This machine has no root certificates.
    #[error(
        "this machine has no root certificates; install the package ca-certificates, or name the \
         certificate of the server's CA in ca_file"
    )]
    NoRootCertificates,
    /// The server does not speak TLS.
    #[error("the server does not speak TLS on this port; check the scheme and the port of the URL")]
    NotTls,
    /// The server's certificate is not valid yet, according to this machine's clock.
    #[error("the server's certificate is not valid yet; correct this machine's clock")]
    NotYetValid,
    /// The server's certificate was not issued by a trusted CA.
    #[error(
        "the server's certificate is not trusted: its issuer is unknown; if the issuer is a private CA, \
         or a proxy that inspects TLS, name its certificate in ca_file"
    )]
    UnknownIssuer,
    /// The server's certificate is for another host name than the one in the URL.
    #[error(
        "the server's certificate is for another host name; use a name that is in the certificate, or \
         correct DNS"
    )]
    WrongName,
}

impl TlsFailure {
    /// Returns the first TLS failure among `error` and its causes, or `None` if there is none.
    #[must_use]
    pub fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        chain(error).find_map(|error| Self::from_rustls(error.downcast_ref()?))
    }

    fn from_rustls(error: &rustls::Error) -> Option<Self> {
        match error {
            rustls::Error::InvalidCertificate(error) => Some(Self::from_certificate(error)),
            // The platform verifier reports missing root certificates only as text.
            rustls::Error::General(text) if text.starts_with("No CA certificates") => {
                Some(Self::NoRootCertificates)
            }
            // The server sends these alerts if it rejects the client certificate, or requires a
            // client certificate.
            rustls::Error::AlertReceived(
                AlertDescription::AccessDenied
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRequired
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::UnsupportedCertificate,
            ) => Some(Self::ClientCertificateRequired),
            rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => Some(Self::WrongName),
            rustls::Error::AlertReceived(
                AlertDescription::HandshakeFailure
                | AlertDescription::ProtocolVersion
                | AlertDescription::InsufficientSecurity
                | AlertDescription::NoApplicationProtocol,
            )
            | rustls::Error::PeerIncompatible(_) => Some(Self::Handshake),
            rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Some(Self::NotTls),
            _ => None,
        }
    }

    fn from_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            // `BadSignature` means that the CA has the name of a trusted CA but another key,
            // usually because the CA was created again.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            // The type of the verifier's error is not public, so the text is compared.
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                Self::CaAsServer
            }
            _ => Self::BadCertificate,
        }
    }
}

#[cfg(test)]
mod tests;
