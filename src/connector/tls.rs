//! TLS configuration of the broker connection and of the callback: certificates and keys as PEM or files, keys
//! optionally encrypted. Everything is parsed at startup, so that mistakes are reported then.

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

/// PEM label of an encrypted private key (RFC 7468 §11).
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Location of a certificate and its key in the settings: section and key prefix in the file, prefix of the variables.
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
        // A variable whose name does not start with its section is not known to `Values`.
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
            values.mistakes.push(format!("invalid {}: no valid certificate in PEM", self.name(part)));
        }
        certificates
    }

    fn private_key(&self, values: &mut Values) -> Option<PrivateKeyDer<'static>> {
        let text = self.pem(values, "key")?;
        let key = match text.contains(ENCRYPTED) {
            true => decrypt(&text, &self.text(values, "passphrase").unwrap_or_default()),
            false => PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| "no valid private key in PEM"),
        };
        // Errors of the parser are not repeated: they might contain parts of the key.
        key.map_err(|why| values.mistakes.push(format!("invalid {}: {why}", self.name("key")))).ok()
    }

    /// Returns the certificate chain with its key, or `None` if neither is set.
    fn pair(&self, values: &mut Values) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        match ["cert", "key"].map(|part| self.text(values, part).is_some()) {
            [false, false] => None,
            [true, true] => self.certificates(values, "cert").zip(self.private_key(values)),
            [has_certificate, _] => {
                let (given, missing) = if has_certificate { ("cert", "key") } else { ("key", "cert") };
                values.mistakes.push(format!("missing {}: required by {}", self.name(missing), self.name(given)));
                None
            }
        }
    }
}

/// Decrypts a private key in PKCS #8 (RFC 5958 §3).
fn decrypt(text: &str, passphrase: &str) -> Result<PrivateKeyDer<'static>, &'static str> {
    let (_, document) = SecretDocument::from_pem(text).map_err(|_| "no valid private key in PEM")?;
    let encrypted = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes());
    let encrypted = encrypted.map_err(|_| "unsupported encryption")?;
    let key = encrypted.decrypt(passphrase).map_err(|_| "wrong passphrase")?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// Returns the TLS configuration of the callback.
pub(super) fn callback(values: &mut Values) -> Option<Arc<ServerConfig>> {
    let Some((chain, key)) = CALLBACK.pair(values) else {
        if values.mistakes.iter().all(|mistake| !mistake.contains(CALLBACK.variable)) {
            let names = ["cert", "key"].map(|part| CALLBACK.name(part)).join(" and ");
            values.mistakes.push(format!("missing {names}: required by CONNECTOR_{}", CALLBACK.variable));
        }
        return None;
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider has TLS 1.2 and 1.3");
    let made = builder.with_no_client_auth().with_single_cert(chain, key);
    made.map_err(|error| values.mistakes.push(format!("{}: {error}", CALLBACK.name("cert")))).ok().map(Arc::new)
}

/// Returns the TLS configuration for the broker. Its certificate is verified unless the operator disabled that.
pub(super) fn broker(values: &mut Values, is_checked: bool) -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let authorities = BROKER.certificates(values, "ca").unwrap_or_default();
    let verifier: Arc<dyn ServerCertVerifier> = match is_checked {
        false => Arc::new(AcceptAny(Arc::clone(&provider))),
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

/// Returns a verifier that trusts the system's certificate authorities and the given ones.
fn verifier(
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    check_library_files().map_err(|error| causes(&error))?;
    let made = Verifier::new_with_extra_roots(authorities, Arc::clone(provider));
    made.map(|verifier| Arc::new(verifier) as _).map_err(|error| format!("{}: {error}", BROKER.name("ca")))
}

/// Accepts any certificate, but verifies that the peer holds its private key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
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

    /// A private key for tests, encrypted with the passphrase `open`.
    const ENCRYPTED_KEY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiUa2G65G+grwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEELegTHAotfeF1BsH7qLr9UEEQHE5
r2KlJIxs9EXS7wsCz+WCo0o6DjS+hAuHOFSC5hH3DyyeQ/SwsUBmr4lOlsZqtT5P
mLTOe9c7OSbgtgSOrB4=
-----END ENCRYPTED PRIVATE KEY-----
";

    #[test]
    fn key_is_decrypted_by_its_passphrase_only() {
        let key = decrypt(ENCRYPTED_KEY, "open").expect("a key");
        assert!(aws_lc_rs::sign::any_supported_type(&key).is_ok());
        for passphrase in ["", "shut"] {
            assert_eq!(decrypt(ENCRYPTED_KEY, passphrase).map(drop), Err("wrong passphrase"));
        }
        assert!(decrypt("-----BEGIN ENCRYPTED PRIVATE KEY-----\n?", "open").is_err());
    }
}
