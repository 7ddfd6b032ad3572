//! Tests of HTTPS with a private certificate authority: trusted if it is configured, rejected otherwise.

use crate::connector::authority::Authority;
use crate::support::{Ended, ended, stixmap};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Starts a provider with a certificate of a private authority; returns its URL and the authority's certificate.
pub(crate) fn provider() -> (String, String) {
    let (url, authority, _) = counting_provider();
    (url, authority)
}

/// The same, and counts connections.
fn counting_provider() -> (String, String, Arc<AtomicUsize>) {
    let authority = Authority::new();
    let (certificate, key) = authority.issue();
    let config = config(
        CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate"),
        PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key"),
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let connected = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connected);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::Relaxed);
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            // A client that does not trust the certificate closes the connection.
            let _ = answer(StreamOwned::new(connection, stream));
        }
    });
    (url, authority.pem(), connected)
}

fn config(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    Arc::new(
        versions.with_no_client_auth().with_single_cert(vec![certificate], key).expect("a certificate and its key"),
    )
}

fn answer(mut stream: impl Read + Write) -> std::io::Result<()> {
    let (mut request, mut byte) = (vec![], [0]);
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        request.push(byte[0]);
    }
    let body = match request.starts_with(b"GET /v2/account/quota") {
        true => r#"{"user":{"licenseCounts":{"searchApi":1},"licenseLimits":{"searchApi":100}}}"#,
        false => r#"{"results":[]}"#,
    };
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())?;
    stream.flush()
}

fn enrich(url: &str, authorities: Option<(&str, &str)>) -> Ended {
    let mut command = stixmap(&["enrich", "example.com", "-p", "riskiq", "--deadline", "4s"]);
    command.env("RISKIQ_USERNAME", "u").env("RISKIQ_API_KEY", "k").env("RISKIQ_API_BASE_URL", url);
    command.envs(authorities);
    ended(command)
}

#[test]
fn configured_authority_is_trusted() {
    let (url, authority) = provider();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("authority.pem");
    std::fs::write(&path, &authority).expect("it can be written");
    let path = path.to_str().expect("a path that is text");
    for (name, value) in [
        ("SSL_CERT_FILE", path),
        ("REQUESTS_CA_BUNDLE", path),
        ("CURL_CA_BUNDLE", path),
        ("HTTPS_CA_CERTIFICATES", path),
        ("HTTPS_CA_CERTIFICATES", &authority),
    ] {
        let trusted = enrich(&url, Some((name, value)));
        assert_eq!(trusted.code, 0, "{name}: {}", trusted.err);
        assert!(trusted.err.contains("empty"), "{name}: {}", trusted.err);
    }
    let nowhere = enrich(&url, Some(("REQUESTS_CA_BUNDLE", "/nowhere/at/all")));
    assert_eq!(nowhere.code, 2, "{}", nowhere.err);
    assert!(nowhere.err.contains("REQUESTS_CA_BUNDLE"), "{}", nowhere.err);
}

#[test]
fn untrusted_server_is_not_retried() {
    let (url, _, connected) = counting_provider();
    let refused = enrich(&url, None);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("untrusted certificate"), "{}", refused.err);
    assert_eq!(connected.load(Ordering::Relaxed), 1, "whom to trust does not change by asking again");
}
