//! TLS as operators set it up: certificates and keys as PEM texts or as files, a key also behind a passphrase. It is made
//! ready at the start, so that what cannot work is told then.

use super::sources::Values;
use crate::http::check_library_files;
use crate::render::causes;
use crate::setting::variable;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::{Decode, SecretDocument};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How the head of a key begins that is behind a passphrase.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Whose certificates they are: where they stand in the file, and how the variables begin.
struct PemSource {
    section: &'static str,
    key: &'static str,
    variable: &'static str,
}

const CALLBACK: PemSource =
    PemSource { section: "connector", key: "listen_protocol_api_ssl", variable: "LISTEN_PROTOCOL_API_SSL" };
const BROKER: PemSource = PemSource { section: "mq", key: "use_ssl", variable: "MQ_USE_SSL" };

impl PemSource {
    fn name(&self, part: &str) -> String {
        format!("{}_{}", self.variable, part.to_ascii_uppercase())
    }

    fn text(&self, values: &mut Values, part: &str) -> Option<Zeroizing<String>> {
        let (name, key) = (self.name(part), format!("{}_{part}", self.key));
        // Where the variable is not called by its section, it is known to nobody else.
        if name != variable(self.section, &key) {
            if let Some(own) = values.variable(&name) {
                return Some(Zeroizing::new(own));
            }
            let file = format!("{name}_FILE");
            if let Some(path) = values.variable(&file) {
                return values.in_file(&file, &path);
            }
        }
        values.secret(self.section, &key)
    }

    fn pem(&self, values: &mut Values, part: &str) -> Option<Zeroizing<String>> {
        let text = self.text(values, part)?;
        values.pem(&self.name(part), Some(text.to_string())).map(Zeroizing::new)
    }

    fn certificates(&self, values: &mut Values, part: &str) -> Option<Vec<CertificateDer<'static>>> {
        let text = self.pem(values, part)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let certificates = read.ok().filter(|certificates| !certificates.is_empty());
        if certificates.is_none() {
            values.mistakes.push(format!("{} holds no certificate that can be read", self.name(part)));
        }
        certificates
    }

    fn private_key(&self, values: &mut Values) -> Option<PrivateKeyDer<'static>> {
        let text = self.pem(values, "key")?;
        let key = match text.contains(ENCRYPTED) {
            true => unlocked(&text, &self.text(values, "passphrase").unwrap_or_default()),
            false => PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| "holds no key that can be read"),
        };
        // What is wrong with a key is not repeated: the words might hold some of it.
        key.map_err(|why| values.mistakes.push(format!("{} {why}", self.name("key")))).ok()
    }

    /// A certificate with its key; none if none is given.
    fn pair(&self, values: &mut Values) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        match ["cert", "key"].map(|part| self.text(values, part).is_some()) {
            [false, false] => None,
            [true, true] => self.certificates(values, "cert").zip(self.private_key(values)),
            [has_certificate, _] => {
                let (there, missing) = if has_certificate { ("cert", "key") } else { ("key", "cert") };
                values.mistakes.push(format!("{} is given without {}", self.name(there), self.name(missing)));
                None
            }
        }
    }
}

/// A key of PKCS #8 that is behind a passphrase.
fn unlocked(text: &str, passphrase: &str) -> Result<PrivateKeyDer<'static>, &'static str> {
    let (_, document) = SecretDocument::from_pem(text).map_err(|_| "holds no key that can be read")?;
    let locked = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes());
    let locked = locked.map_err(|_| "is locked in a way that is not known")?;
    let key = locked.decrypt(passphrase).map_err(|_| "is not opened by its passphrase")?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// What the callback shows to workers, where it is to speak TLS.
pub(super) fn of_callback(values: &mut Values) -> Option<Arc<ServerConfig>> {
    let Some((chain, key)) = CALLBACK.pair(values) else {
        if values.mistakes.iter().all(|mistake| !mistake.contains(CALLBACK.variable)) {
            let names = ["cert", "key"].map(|part| CALLBACK.name(part)).join(" and ");
            values.mistakes.push(format!("CONNECTOR_{} needs {names}", CALLBACK.variable));
        }
        return None;
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider has TLS 1.2 and 1.3");
    let made = builder.with_no_client_auth().with_single_cert(chain, key);
    made.map_err(|error| values.mistakes.push(format!("{}: {error}", CALLBACK.name("cert")))).ok().map(Arc::new)
}

/// How the broker is spoken to over TLS. Its certificate is verified, unless the operator turned that off.
pub(super) fn of_broker(values: &mut Values, is_checked: bool) -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let authorities = BROKER.certificates(values, "ca").unwrap_or_default();
    let verifier: Arc<dyn ServerCertVerifier> = match is_checked {
        false => Arc::new(Anybody(Arc::clone(&provider))),
        true => match verifier(authorities, &provider) {
            Ok(verifier) => verifier,
            Err(mistake) => {
                values.mistakes.push(mistake);
                return None;
            }
        },
    };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("the provider has TLS 1.2 and 1.3").dangerous();
    let builder = builder.with_custom_certificate_verifier(verifier);
    let made = match BROKER.pair(values) {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_no_client_auth()),
    };
    made.map_err(|error| values.mistakes.push(format!("{}: {error}", BROKER.name("cert")))).ok().map(Arc::new)
}

/// Believes what the system's authorities vouch for, and these.
fn verifier(
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    check_library_files().map_err(|error| causes(&error))?;
    let made = Verifier::new_with_extra_roots(authorities, Arc::clone(provider));
    made.map(|verifier| Arc::new(verifier) as _).map_err(|error| format!("{}: {error}", BROKER.name("ca")))
}

/// Believes any certificate, and still sees to it that its holder has the key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of a test, locked with `open`.
    const LOCKED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiUa2G65G+grwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEELegTHAotfeF1BsH7qLr9UEEQHE5
r2KlJIxs9EXS7wsCz+WCo0o6DjS+hAuHOFSC5hH3DyyeQ/SwsUBmr4lOlsZqtT5P
mLTOe9c7OSbgtgSOrB4=
-----END ENCRYPTED PRIVATE KEY-----
";

    #[test]
    fn a_key_is_opened_by_its_passphrase_and_by_nothing_else() {
        let key = unlocked(LOCKED, "open").expect("it opens");
        assert!(aws_lc_rs::sign::any_supported_type(&key).is_ok());
        for passphrase in ["", "shut"] {
            assert_eq!(unlocked(LOCKED, passphrase).map(drop), Err("is not opened by its passphrase"));
        }
        assert!(unlocked("-----BEGIN ENCRYPTED PRIVATE KEY-----\n?", "open").is_err());
    }
}
