//! Signatures of requests: digests and HMACs (RFC 2104) over their parts.

use crate::profile::{Algorithm, Encoding};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};

/// Computes the digest of a text; an HMAC also uses the key.
pub(super) fn digest(algorithm: Algorithm, encoding: Encoding, key: &str, text: &str) -> String {
    let bytes = match algorithm {
        Algorithm::HmacSha512 => keyed::<Hmac<Sha512>>(key, text),
        Algorithm::HmacSha256 => keyed::<Hmac<Sha256>>(key, text),
        Algorithm::HmacSha1 => keyed::<Hmac<Sha1>>(key, text),
        Algorithm::HmacMd5 => keyed::<Hmac<Md5>>(key, text),
        Algorithm::Sha512 => Sha512::digest(text).to_vec(),
        Algorithm::Sha256 => Sha256::digest(text).to_vec(),
        Algorithm::Sha1 => Sha1::digest(text).to_vec(),
        Algorithm::Md5 => Md5::digest(text).to_vec(),
    };
    match encoding {
        Encoding::Hex => hexadecimal(&bytes),
        Encoding::Base64 => STANDARD.encode(&bytes),
    }
}

fn keyed<M: Mac + KeyInit>(key: &str, text: &str) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).expect("an HMAC accepts keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(algorithm: Algorithm, key: &str, text: &str) -> String {
        super::digest(algorithm, Encoding::Hex, key, text)
    }

    #[test]
    fn digest_equals_the_standards_test_vectors() {
        // RFC 2202 and RFC 4231, test case 2; the digests of `abc` in FIPS 180 and RFC 1321.
        let text = "what do ya want for nothing?";
        assert_eq!(digest(Algorithm::HmacMd5, "Jefe", text), "750c783e6ab0b503eaa86e310a5db738");
        assert_eq!(digest(Algorithm::HmacSha1, "Jefe", text), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert_eq!(
            digest(Algorithm::HmacSha256, "Jefe", text),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(digest(Algorithm::Md5, "", "abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(digest(Algorithm::Sha1, "", "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            digest(Algorithm::Sha256, "", "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            digest(Algorithm::HmacSha512, "Jefe", text),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
        let in_base64 = super::digest(Algorithm::Md5, Encoding::Base64, "", "abc");
        assert_eq!(in_base64, "kAFQmDzST7DWlj99KOF/cg==");
    }
}
