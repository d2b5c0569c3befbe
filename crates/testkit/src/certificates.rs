//! A private authority, and a server's certificate that it has signed.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// PEM files in a directory of their own, which goes with the value.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// An authority that nobody else has, and a certificate by it for servers of these names and IP addresses.
    ///
    /// # Panics
    ///
    /// When they can't be made or written.
    pub fn new(names: &[&str]) -> Self {
        match Self::make(names) {
            Ok(made) => made,
            Err(error) => panic!("no certificates for {names:?}: {error}"),
        }
    }

    fn make(names: &[&str]) -> Result<Self, Box<dyn std::error::Error>> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "gammaq tests");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
        let made = Self {
            dir: tempfile::Builder::new().prefix("gammaq-tls-").tempdir()?,
        };
        std::fs::write(made.authority(), authority.pem())?;
        std::fs::write(made.certificate(), certificate.pem())?;
        std::fs::write(made.key(), key.serialize_pem())?;
        Ok(made)
    }

    /// The authority's own certificate: what a client has to trust.
    pub fn authority(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.file("server.pem")
    }

    /// The server's private key.
    pub fn key(&self) -> PathBuf {
        self.file("server.key")
    }

    fn file(&self, name: &str) -> PathBuf {
        let dir: &Path = self.dir.path();
        dir.join(name)
    }
}
