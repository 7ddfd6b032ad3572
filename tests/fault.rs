//! Tests with faulty providers on loopback: they hang, reset, flood, or redirect. The command ends in time with the right
//! outcome, keeps the records it has read, and prints no secret.

use crate::support::{Ended, ended, stixmap};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const SECRET: &str = "s3cr3t-key-0f-the-user";

/// Starts a server that answers each request by `respond`, and records the requests.
pub(crate) fn server(respond: impl Fn(&str, TcpStream) + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::new(Mutex::new(vec![]));
    let (seen, respond) = (Arc::clone(&requests), Arc::new(respond));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (seen, respond) = (Arc::clone(&seen), Arc::clone(&respond));
            thread::spawn(move || {
                let request = head(&mut stream);
                seen.lock().expect("no panic while it is held").push(request.clone());
                respond(&request, stream);
            });
        }
    });
    (url, requests)
}

fn head(stream: &mut TcpStream) -> String {
    let (mut text, mut byte) = (vec![], [0]);
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        text.push(byte[0]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

pub(crate) fn reply(mut stream: TcpStream, status: &str, headers: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    // The client may have closed the connection.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

const QUOTA: &str = r#"{"user":{"licenseCounts":{"searchApi":"1"},"licenseLimits":{"searchApi":100}}}"#;

/// Starts a server that reports a quota, and answers lookups by `respond`.
fn passive_total(respond: impl Fn(TcpStream) + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    server(move |request, stream| {
        if request.starts_with("GET /v2/account/quota") { reply(stream, "200 OK", "", QUOTA) } else { respond(stream) }
    })
}

fn enrich(url: &str, more: &[&str]) -> (Ended, Duration) {
    let mut arguments = vec!["enrich", "example.com", "-v", "-p", "riskiq", "--deadline", "3s"];
    arguments.extend(more);
    let mut command = stixmap(&arguments);
    command.env("RISKIQ_USERNAME", "u").env("RISKIQ_API_KEY", SECRET).env("RISKIQ_API_BASE_URL", url);
    let start = Instant::now();
    let ended = ended(command);
    assert!(!ended.out.contains(SECRET) && !ended.err.contains(SECRET), "{}{}", ended.out, ended.err);
    (ended, start.elapsed())
}

fn check(url: &str, code: i32, message: &str) -> Ended {
    let (ended, took) = enrich(url, &[]);
    assert_eq!(ended.code, code, "{}", ended.err);
    assert!(ended.err.contains(message), "{message}: {}", ended.err);
    assert!(took < Duration::from_secs(10), "it ends by its deadline, not after {took:?}");
    ended
}

#[test]
fn valid_response_is_mapped_and_credentials_are_sent() {
    let rows = r#"{"totalRecords":1,"results":[{"recordType":"A","resolve":"192.0.2.1","resolveType":"ip","firstSeen":null}]}"#;
    let (url, requests) = passive_total(move |stream| reply(stream, "200 OK", "Content-Type: text/html\r\n", rows));
    let ended = check(&url, 0, "ok · 1 record: 1 mapped");
    assert!(ended.out.contains("192.0.2.1"));
    let requests = requests.lock().expect("no panic while it is held").join("").to_lowercase();
    assert_eq!(requests.matches("authorization: basic ").count(), 2, "{requests}");
    assert!(requests.contains("user-agent: stixmap/"), "{requests}");
}

#[test]
fn server_that_hangs_is_a_timeout() {
    let (url, _) =
        passive_total(|stream| thread::sleep(Duration::from_secs(if stream.peer_addr().is_ok() { 30 } else { 0 })));
    check(&url, 1, "failed: request timed out after 1 attempt");
}

#[test]
fn server_that_drips_is_a_timeout() {
    let (url, _) = passive_total(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{");
        for _ in 0..100 {
            thread::sleep(Duration::from_millis(100));
            if stream.write_all(b" ").is_err() {
                return;
            }
        }
    });
    check(&url, 1, "failed: request timed out after 1 attempt");
}

#[test]
fn server_that_resets_fails() {
    let (url, _) = passive_total(drop);
    check(&url, 1, "connection reset");
}

#[test]
fn unreachable_server_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    check(&url, 1, "failed to connect to the provider");
}

#[test]
fn response_above_the_limit_is_cut() {
    let (url, _) = passive_total(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
        let chunk = vec![b' '; 1 << 20];
        for _ in 0..100 {
            if stream.write_all(&chunk).is_err() {
                return;
            }
        }
    });
    check(&url, 1, "failed: response exceeds 32 MiB");
}

#[test]
fn decompressed_response_above_the_limit_is_cut() {
    let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    let chunk = vec![b' '; 1 << 20];
    (0..256).for_each(|_| packer.write_all(&chunk).expect("memory takes it"));
    let packed = packer.finish().expect("memory takes it");
    assert!(packed.len() < 1 << 20);
    let (url, _) = passive_total(move |mut stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&packed));
    });
    check(&url, 1, "failed: response exceeds 32 MiB");
}

/// Returns what is found in a response of lines, compressed as several members (RFC 1952 §2.2).
fn enrich_members(lines: &[&str], after: &[u8]) -> Ended {
    let members = lines.iter().map(|line| {
        let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        packer.write_all(line.as_bytes()).expect("memory takes it");
        packer.finish().expect("memory takes it")
    });
    let body = [members.collect::<Vec<_>>().concat(), after.to_vec()].concat();
    let (url, _) = server(move |_, mut stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    });
    let mut command = stixmap(&["enrich", "example.com", "-p", "cof"]);
    command.envs([("COF_BASE_URL", url.as_str()), ("COF_MIN_TLP", "clear"), ("COF_SINCE", "36500")]);
    ended(command)
}

#[test]
fn every_member_of_a_compressed_response_is_read() {
    let one = "{\"rrname\":\"example.com\",\"rrtype\":\"A\",\"rdata\":\"192.0.2.1\",\"time_first\":1700000000,\"time_last\":1700000000}\n";
    let two = "{\"rrname\":\"example.com\",\"rrtype\":\"A\",\"rdata\":\"192.0.2.2\",\"time_first\":1700000000,\"time_last\":1700000000}\n";
    for (lines, mapped) in [(&[one, two][..], 2), (&["", one], 1), (&[one, "", two], 2)] {
        let ended = enrich_members(lines, b"");
        assert!(ended.code == 0 && ended.err.contains(&format!("{mapped} mapped")), "{}", ended.err);
    }
    let ended = enrich_members(&[one], b"more");
    assert!(ended.code == 3 && ended.err.contains("partial"), "{}", ended.err);
}

#[test]
fn web_page_instead_of_json_fails() {
    let (url, _) = passive_total(|stream| {
        reply(stream, "200 OK", "Content-Type: application/json\r\n", "<!DOCTYPE html><p>Log in</p>")
    });
    check(&url, 1, "failed: page 1: the response is HTML, expected JSON");
}

#[test]
fn redirect_to_another_origin_is_not_followed() {
    let (trap, caught) = server(|_, stream| reply(stream, "200 OK", "", r#"{"results":[]}"#));
    let location = format!("Location: {trap}/v2/dns/passive\r\n");
    let (url, _) = passive_total(move |stream| reply(stream, "302 Found", &location, ""));
    check(&url, 1, "failed: invalid redirect: expected origin");
    assert!(caught.lock().expect("no panic while it is held").is_empty(), "nothing was sent elsewhere");
}

#[test]
fn echoed_credentials_are_redacted() {
    let body = format!(r#"{{"message":"bad key {SECRET}"}}"#);
    let (url, _) = passive_total(move |stream| reply(stream, "401 Unauthorized", "", &body));
    check(&url, 1, "failed: invalid credentials (HTTP 401): bad key {api_key}");
}

#[test]
fn wait_of_an_hour_is_deferred() {
    let (url, _) = passive_total(|stream| reply(stream, "429 Too Many Requests", "Retry-After: 3600\r\n", ""));
    check(&url, 3, "deferred until ");
}

#[test]
fn observable_above_the_maximum_is_not_sent() {
    let (url, requests) = passive_total(|stream| reply(stream, "200 OK", "", r#"{"results":[]}"#));
    let (refused, _) = enrich(&url, &["--tlp", "TLP:RED"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("refused: the observable is TLP:RED"), "{}", refused.err);
    assert!(requests.lock().expect("no panic while it is held").is_empty());
}

#[test]
fn records_before_a_hang_are_kept() {
    let row = |n: u32| format!(r#"{{"pages":3,"rows":[{{"name":"example.com","type":"A","data":"192.0.2.{n}"}}]}}"#);
    let (url, _) = server(move |request, stream| {
        if request.contains("page=1") {
            reply(stream, "200 OK", "", &row(1))
        } else {
            thread::sleep(Duration::from_secs(30))
        }
    });
    let mut command = stixmap(&["enrich", "example.com", "-p", "tests/providers/by-page", "--deadline", "2s"]);
    command.env("BY_PAGE_KEY", SECRET).env("BY_PAGE_API_BASE_URL", &url);
    let ended = ended(command);
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert!(ended.err.contains("partial: request timed out after 1 attempt · 1 record: 1 mapped"), "{}", ended.err);
    assert!(ended.out.contains("192.0.2.1"), "{}", ended.out);
}

#[test]
fn proxies_are_taken_from_the_environment() {
    let (proxy, requests) = server(|request, stream| {
        let body = if request.contains("/v2/account/quota") { QUOTA } else { r#"{"results":[]}"# };
        reply(stream, "200 OK", "", body);
    });
    let mut command = stixmap(&["enrich", "example.com", "-p", "riskiq"]);
    command
        .env("RISKIQ_USERNAME", "u")
        .env("RISKIQ_API_KEY", SECRET)
        .env("RISKIQ_API_BASE_URL", "http://provider.test");
    command.env("HTTP_PROXY", &proxy).env("http_proxy", &proxy);
    let ended = ended(command);
    assert!(ended.err.contains("empty"), "{}", ended.err);
    assert!(
        requests.lock().expect("no panic while it is held")[0]
            .starts_with("GET http://provider.test/v2/account/quota ")
    );
}
