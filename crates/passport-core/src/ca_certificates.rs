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

/// The first byte of a certificate in DER.
const DER_SEQUENCE: u8 = 0x30;

/// The largest file that is read. The bundles of operating systems have a quarter of it.
const MAX_SIZE: u64 = 1024 * 1024;

/// The certificates of a private certificate authority, trusted beside the system's.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct CaCertificates {
    der: Arc<[CertificateDer<'static>]>,
    for_reqwest: Arc<[reqwest::Certificate]>,
}

impl CaCertificates {
    /// Reads the certificates in the PEM file at `path`, one or several.
    ///
    /// # Errors
    /// When `path` is not a regular file of at most 1 MiB that can be read, or the file holds no
    /// certificate.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, InvalidCaFile> {
        let path = path.as_ref();
        let invalid = |problem| InvalidCaFile { path: shown(path), problem };
        let content = content(path).map_err(invalid)?;
        Self::from_pem(&content).map_err(invalid)
    }

    fn from_pem(content: &[u8]) -> Result<Self, CaFileProblem> {
        if content.first() == Some(&DER_SEQUENCE) {
            return Err(CaFileProblem::Der);
        }
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
        let certificates = certificates.map_err(CaFileProblem::of_pem)?;
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

    /// Returns the certificates in DER.
    pub fn iter(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.der.iter()
    }

    /// Returns the certificates for a client of reqwest.
    pub fn for_reqwest(&self) -> impl Iterator<Item = reqwest::Certificate> {
        self.for_reqwest.iter().cloned()
    }
}

/// Reads a regular file. Opening a FIFO would block until it has a writer.
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

/// Hides the content of a file that was pasted instead of its path: it may be a private key.
fn shown(path: &Path) -> String {
    let path = path.display().to_string();
    if path.contains("-----") { "a text that is not a path".to_owned() } else { path }
}

/// A file that holds no usable CA certificates.
#[derive(Clone, Debug, thiserror::Error)]
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
    #[error("it has a section that is not base64; copy the file anew")]
    BrokenPem(#[source] Option<Arc<pem::Error>>),
    #[error("it is DER, not PEM; convert it: openssl x509 -inform der -in FILE -out FILE.pem")]
    Der,
    #[error("it has no section BEGIN CERTIFICATE; name the PEM file of the CA's certificate")]
    NoCertificate,
    #[error("it has a section that is not an X.509 certificate; name the PEM file of the CA's certificate")]
    NotACertificate(#[source] Arc<dyn Error + Send + Sync>),
    #[error("it is not a regular file; name the PEM file of the CA's certificate")]
    NotAFile,
    #[error("it is larger than 1 MiB; name a file with the certificates of your CA only")]
    TooLarge,
}

impl CaFileProblem {
    /// Drops an error that quotes a line of the file: the line may be a private key.
    fn of_pem(error: pem::Error) -> Self {
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
