//! A certificate authority of a test's own, in a folder: what operators name by path.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::{Path, PathBuf};

/// The authority. Its certificates are for this machine.
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

    /// A certificate and its key, both as PEM.
    pub(crate) fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let names = ["localhost", "127.0.0.1"].map(str::to_owned).to_vec();
        let mut params = CertificateParams::new(names).expect("names");
        // A name like the authority's would make it look as if it had signed itself.
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = params.signed_by(&key, &self.0);
        (certificate.expect("a certificate").pem(), key.serialize_pem())
    }

    /// Puts the authority's certificate, and one with its key, into a folder: `ca.pem`, `NAME.pem`, `NAME.key`.
    pub(crate) fn put(&self, folder: &Path, name: &str) -> [PathBuf; 3] {
        let (certificate, key) = self.issue();
        let files = ["ca.pem".to_owned(), format!("{name}.pem"), format!("{name}.key")].map(|file| folder.join(file));
        for (path, text) in files.iter().zip([self.pem(), certificate, key]) {
            std::fs::write(path, text).expect("it can be written");
        }
        files
    }
}
