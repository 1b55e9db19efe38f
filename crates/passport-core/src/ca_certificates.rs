use std::{
    error::Error,
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use rustls_pki_types::{
    CertificateDer,
    pem::{self, PemObject},
};

use crate::with_causes;

/// The first byte of a DER-encoded certificate. A file that begins with this byte is reported as
/// DER instead of PEM.
const DER_SEQUENCE: u8 = 0x30;

/// The maximum size of a CA file, in bytes. The root certificate bundles of operating systems
/// have a quarter of this size.
const MAX_SIZE: u64 = 1024 * 1024;

/// Certificates of a private certificate authority (CA), trusted in addition to the system's
/// root certificates.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct CaCertificates {
    der: Arc<[CertificateDer<'static>]>,
    for_reqwest: Arc<[reqwest::Certificate]>,
}

impl CaCertificates {
    /// Reads one or more certificates from the PEM file at `path`.
    ///
    /// # Errors
    /// When `path` is not a readable regular file of at most 1 MiB, or when the file contains no
    /// certificate or an invalid certificate.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, InvalidCaFile> {
        let path = path.as_ref();
        let invalid = |problem| InvalidCaFile { path: displayed(path), problem };
        let content = content(path).map_err(invalid)?;
        Self::from_pem(&content).map_err(invalid)
    }

    fn from_pem(content: &[u8]) -> Result<Self, CaFileProblem> {
        if content.first() == Some(&DER_SEQUENCE) {
            return Err(CaFileProblem::Der);
        }
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
        let certificates = certificates.map_err(CaFileProblem::from_pem)?;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(CaFileProblem::not_a_certificate)?;
        }
        if certificates.is_empty() {
            return Err(CaFileProblem::NoCertificate);
        }
        let for_reqwest = certificates.iter().map(|der| reqwest::Certificate::from_der(der));
        let for_reqwest: Arc<[_]> =
            for_reqwest.collect::<Result<_, _>>().map_err(CaFileProblem::not_a_certificate)?;
        Ok(Self { der: certificates.into(), for_reqwest })
    }

    /// Returns whether `self` and `other` contain the same certificates, in the same order.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.der == other.der
    }

    /// Returns an iterator over the certificates, in DER.
    pub fn iter(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.der.iter()
    }

    /// Returns an iterator over the certificates as reqwest's type, for `reqwest::ClientBuilder`.
    pub fn for_reqwest(&self) -> impl Iterator<Item = reqwest::Certificate> {
        self.for_reqwest.iter().cloned()
    }
}

/// Reads the regular file at `path`. Files of other types are rejected before they are opened,
/// because opening a FIFO would block until it has a writer.
fn content(path: &Path) -> Result<Vec<u8>, CaFileProblem> {
    if !fs::metadata(path)?.is_file() {
        return Err(CaFileProblem::NotAFile);
    }
    let mut content = Vec::new();
    File::open(path)?.take(MAX_SIZE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_SIZE { Err(CaFileProblem::TooLarge) } else { Ok(content) }
}

impl fmt::Debug for CaCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaCertificates({})", self.der.len())
    }
}

/// Returns `path` for an error message. If PEM content was passed instead of a path, returns a
/// fixed text, because the content can be a private key.
fn displayed(path: &Path) -> String {
    let path = path.display().to_string();
    if path.contains("-----") { "PEM content instead of a path".to_owned() } else { path }
}

/// The error of a file that cannot be used as CA certificates.
///
/// `Display` and `Debug` name the path and the remedy, never the content of the file.
#[derive(Clone, thiserror::Error)]
#[error("cannot use the CA certificates in `{path}`: {problem}")]
pub struct InvalidCaFile {
    path: String,
    #[source]
    problem: CaFileProblem,
}

#[derive(Clone, Debug, thiserror::Error)]
enum CaFileProblem {
    #[error("{0}")]
    Io(#[source] Arc<io::Error>),
    #[error("a PEM section is not base64; copy the file again")]
    BrokenPem(#[source] Option<Arc<pem::Error>>),
    #[error("the file is DER, not PEM; convert it with: openssl x509 -inform der -in FILE -out FILE.pem")]
    Der,
    #[error("the file has no section BEGIN CERTIFICATE; use the PEM file of the CA's certificate")]
    NoCertificate,
    #[error("a section is not an X.509 certificate; use the PEM file of the CA's certificate")]
    NotACertificate(#[source] Arc<dyn Error + Send + Sync>),
    #[error("not a regular file; use the PEM file of the CA's certificate")]
    NotAFile,
    #[error("the file is larger than 1 MiB; use a file with only the certificates of your CA")]
    TooLarge,
}

/// Prints the message and its causes, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for InvalidCaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}

impl CaFileProblem {
    /// Converts a parser error to a problem. If the parser error quotes a line of the file, the
    /// parser error is dropped, because the line can be part of a private key.
    fn from_pem(error: pem::Error) -> Self {
        let is_safe = matches!(error, pem::Error::Base64Decode(_) | pem::Error::SectionTooLarge);
        Self::BrokenPem(is_safe.then(|| Arc::new(error)))
    }

    fn not_a_certificate(error: impl Error + Send + Sync + 'static) -> Self {
        Self::NotACertificate(Arc::new(error))
    }
}

impl From<io::Error> for CaFileProblem {
    fn from(error: io::Error) -> Self {
        Self::Io(error.into())
    }
}

#[cfg(test)]
mod tests;
