//! Certificate authority for tests, with its files in a directory.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::{Path, PathBuf};

/// A certificate authority that issues certificates for `localhost`.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "An authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a certificate; returns it and its key as PEM.
    pub(crate) fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let names = ["localhost", "127.0.0.1"].map(str::to_owned).to_vec();
        let mut params = CertificateParams::new(names).expect("names");
        // With the name of the authority, the certificate would look self-signed.
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = params.signed_by(&key, &self.0);
        (certificate.expect("a certificate").pem(), key.serialize_pem())
    }

    /// Writes the certificate of the authority and an issued certificate with its key: `ca.pem`, `NAME.pem`,
    /// `NAME.key`.
    pub(crate) fn put(&self, folder: &Path, name: &str) -> [PathBuf; 3] {
        let (certificate, key) = self.issue();
        let files = ["ca.pem".to_owned(), format!("{name}.pem"), format!("{name}.key")].map(|file| folder.join(file));
        for (path, text) in files.iter().zip([self.pem(), certificate, key]) {
            std::fs::write(path, text).expect("it can be written");
        }
        files
    }
}
