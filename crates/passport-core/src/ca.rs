use std::{fmt, fs, io, path::Path, sync::Arc};

use rustls_pki_types::{CertificateDer, pem::PemObject};

/// The first byte of a certificate in DER.
const DER_SEQUENCE: u8 = 0x30;

/// The certificates of a private certificate authority, trusted beside the system's.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct CaCertificates(Arc<[CertificateDer<'static>]>);

impl CaCertificates {
    /// Reads the certificates in the PEM file at `path`, one or several.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no certificate.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, InvalidCaFile> {
        let path = path.as_ref();
        let invalid = |problem| InvalidCaFile { path: shown(path), problem };
        let content = fs::read(path).map_err(|error| invalid(Problem::Io(error.into())))?;
        Self::from_pem(&content).map_err(invalid)
    }

    fn from_pem(content: &[u8]) -> Result<Self, Problem> {
        if content.first() == Some(&DER_SEQUENCE) {
            return Err(Problem::Der);
        }
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
        let certificates = certificates.map_err(|_| Problem::BrokenPem)?;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|_| Problem::NotACertificate)?;
        }
        if certificates.is_empty() { Err(Problem::NoCertificate) } else { Ok(Self(certificates.into())) }
    }

    /// Returns the certificates in DER.
    pub fn iter(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter()
    }
}

impl fmt::Debug for CaCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaCertificates({})", self.0.len())
    }
}

/// Hides the content of a file in the place of its path: it may be a private key.
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
    problem: Problem,
}

#[derive(Clone, Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Io(#[source] Arc<io::Error>),
    #[error("it has a section that is not base64; copy the file anew")]
    BrokenPem,
    #[error("it is DER, not PEM; convert it: openssl x509 -inform der -in FILE -out FILE.pem")]
    Der,
    #[error("it has no section BEGIN CERTIFICATE; name the PEM file of the CA's certificate")]
    NoCertificate,
    #[error("it has a section that is not an X.509 certificate; name the PEM file of the CA's certificate")]
    NotACertificate,
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(content: &[u8]) -> Result<CaCertificates, InvalidCaFile> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        CaCertificates::from_pem_file(file.path())
    }

    #[test]
    fn all_certificates_of_a_file_are_read() {
        let ca = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap().cert.pem();
        assert_eq!(read((ca("a") + &ca("b")).as_bytes()).unwrap().iter().count(), 2);
    }

    #[test]
    fn unusable_file_is_named_with_its_problem() {
        for (content, problem) in [
            (&b""[..], "no section BEGIN CERTIFICATE"),
            (b"\x30\x82\x01\x0a", "openssl x509 -inform der"),
            (b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n", "not base64"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not an X.509"),
        ] {
            let error = read(content).unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("cannot use"), "{error}");
        }
        let pasted = "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----";
        let error = CaCertificates::from_pem_file(pasted).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
        let error = CaCertificates::from_pem_file("/no/such/ca.pem").unwrap_err().to_string();
        assert!(error.contains("/no/such/ca.pem") && error.contains("No such file"), "{error}");
    }
}
