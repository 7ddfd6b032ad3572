//! Operation: metrics, health, several connectors in one process, TLS in both directions, copies in a folder and in an object
//! store.

use super::authority::Authority;
use super::entity::Entity;
use super::platform::{NEWEST, Platform, Status};
use super::provider::{Answer, Provider};
use super::rabbit::{Broker, Proxy};
use super::site::{ID, Site};
use super::store::Store;
use super::{free_port, runtime, soon};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

const OTHER: &str = "6f1a1c6e-2f7b-4b50-9d3e-000000000009";

fn read(port: u16, path: &str) -> Option<(u16, String)> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    runtime().block_on(async {
        let answer = client.get(format!("http://127.0.0.1:{port}{path}")).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    })
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

#[test]
fn figures_and_health_are_served() {
    let port = free_port();
    let answers = |about: &str, _| match about {
        "fails.example" => Answer::Text(401, "{}".into()),
        super::provider::QUOTA => Answer::Text(200, super::provider::quota("40", "100")),
        _ => Answer::Records(7),
    };
    let site = Site::new(answers)
        .with("CONNECTOR_EXPOSE_METRICS", "true")
        .with("CONNECTOR_METRICS_PORT", &port.to_string())
        .with("CONNECTOR_METRICS_NAMESPACE", "opencti");
    site.platform.stop();
    let connector = site.launch();
    soon(Duration::from_secs(10), "it serves", || read(port, "/health").is_some_and(|(status, _)| status == 200));
    assert_eq!(read(port, "/ready").expect("an answer").0, 503, "it cannot be sent anything yet");
    let (_, text) = read(port, "/metrics").expect("an answer");
    assert!(!text.contains("quota_left{"), "what is not known is not told: {text}");
    site.platform.start();
    soon(Duration::from_secs(20), "it is ready", || read(port, "/ready").is_some_and(|(status, _)| status == 200));
    site.complete(Entity::domain("example.com"));
    site.enrich(Entity::domain("fails.example"));
    let figure = |line: &str| {
        let (_, text) = read(port, "/metrics").expect("an answer");
        let found = text.lines().find_map(|told| told.strip_prefix(line)?.trim().parse::<f64>().ok());
        found.unwrap_or_else(|| panic!("no {line} in {text}"))
    };
    let named = |name: &str| figure(&format!("opencti_{name}{{connector=\"RiskIQ\"}}"));
    let of = |name: &str, kind: &str| figure(&format!("opencti_{name}{{connector=\"RiskIQ\",kind=\"{kind}\"}}"));
    soon(Duration::from_secs(10), "both are done", || of("deliveries_total", "done") == 2.0);
    assert_eq!((named("runs_total"), named("bundles_sent_total")), (2.0, 17.0));
    assert_eq!((named("client_errors_total"), named("errors_total")), (1.0, 1.0));
    assert_eq!((of("outcomes_total", "ok"), of("outcomes_total", "failed")), (1.0, 1.0));
    assert_eq!(of("provider_records_total", "mapped"), 7.0);
    // The quota is asked for once, and believed for a while.
    assert_eq!((of("provider_requests_total", "200"), of("provider_requests_total", "401")), (2.0, 1.0));
    let state = |state: &str| figure(&format!("opencti_state{{connector=\"RiskIQ\",opencti_state=\"{state}\"}}"));
    assert_eq!((state("idle"), state("running"), state("stopped")), (1.0, 0.0, 0.0));
    assert_eq!(named("quota_left"), 60.0);
    assert!(named("queue_lag_seconds") >= 0.0 && named("ping_api_total") >= 1.0);
    assert_eq!(named("delivery_seconds_count"), 2.0);
    for line in connector.said().lines() {
        let entry: Value = serde_json::from_str(line).expect("every line of the log is JSON");
        assert!(entry["level"].is_string() && entry["message"].is_string() && !line.contains('\u{1b}'), "{line}");
    }
}

#[test]
fn it_is_ready_while_the_platform_and_the_broker_are_there() {
    let (port, broker) = (free_port(), Broker::shared());
    let network = Proxy::to(broker.amqp);
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), Provider::with(1))
        .with("CONNECTOR_EXPOSE_METRICS", "true")
        .with("CONNECTOR_METRICS_PORT", &port.to_string());
    let _connector = site.start();
    let becomes = |status: u16, text: &str| {
        let what = format!("/ready is {status}, {text}");
        let holds = |(told, body): (u16, String)| told == status && body.contains(text);
        soon(Duration::from_secs(45), &what, || read(port, "/ready").is_some_and(holds));
    };
    becomes(200, "ready");
    network.refuse();
    becomes(503, r#""platform":true,"messages":false"#);
    network.carry();
    becomes(200, "ready");
    // Whoever asks it for something notices that it is away.
    site.platform.enrich(ID, &site.platform.add(Entity::domain("example.com")));
    site.platform.stop();
    becomes(503, r#""platform":false"#);
    site.platform.start();
    becomes(200, "ready");
}

#[test]
fn unwritable_journal_is_logged_once_and_affects_no_enrichment() {
    let site = Site::new(|_, _| Answer::Records(1)).with("CONNECTOR_LOG_LEVEL", "critical");
    let connector = site.start();
    site.lose_journal();
    (0..3).for_each(|n| drop(site.complete(Entity::domain(&format!("host{n}.example.com")))));
    assert_eq!(connector.said().matches("Cannot write the journal").count(), 1, "{}", connector.said());
}

#[test]
fn lines_that_are_not_json_have_their_reasons_too() {
    let answer = || Answer::Text(401, r#"{"message":"not for you"}"#.into());
    let site = Site::new(move |_, _| answer()).with("OPENCTI_JSON_LOGGING", "false");
    let connector = site.start();
    site.enrich(Entity::domain("example.com"));
    let reason =
        r#"ERROR:RiskIQ:Error in message processing, reporting error to API reason="RiskIQ PassiveTotal: failed"#;
    let said = connector.said();
    assert!(said.lines().any(|line| line.starts_with(reason) && line.contains("(HTTP 401): not for you")), "{said}");
    assert!(said.contains("INFO:RiskIQ:Connector registered with ID id="), "{said}");
}

#[test]
fn what_is_set_in_vain_is_warned_of_at_every_level_and_in_both_forms() {
    for is_json in ["true", "false"] {
        let site = Site::new(|_, _| Answer::Records(1))
            .with("CONNECTOR_LOG_LEVEL", "critical")
            .with("OPENCTI_JSON_LOGGING", is_json)
            .with("CONNECTOR_SCOPE", "domain, ipv4-address");
        let connector = site.start();
        let said = connector.said();
        assert_eq!(said.matches("`domain` is interpreted as Domain-Name").count(), 1, "{said}");
    }
}

#[test]
fn the_platform_and_the_broker_are_reached_by_ipv6() {
    let broker = Broker::shared();
    let network = Proxy::by_ipv6(broker.amqp);
    let site = Site::on(Platform::on(NEWEST, broker, Some(network.port)), Provider::with(1));
    let platform = site.platform.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let door = Proxy::by_ipv6(platform);
    let mut site = site.with("OPENCTI_URL", &format!("http://[::1]:{}/", door.port));
    for host in ["[::1]", "::1", "[0:0:0:0:0:0:0:1]"] {
        site = site.with("MQ_HOST", host);
        let _connector = site.start();
        site.complete(Entity::domain(&format!("host{}.example", host.len())));
        drop(_connector);
        site.platform.await_no_consumer(ID);
    }
}

#[test]
fn half_open_requests_by_the_hundred_leave_health_and_the_callback_served() {
    let (metrics, callback) = (free_port(), free_port());
    let site = Site::new(|_, _| Answer::Records(1))
        .with("CONNECTOR_EXPOSE_METRICS", "true")
        .with("CONNECTOR_METRICS_PORT", &metrics.to_string())
        .with("CONNECTOR_LISTEN_PROTOCOL", "API")
        .with("CONNECTOR_LISTEN_PROTOCOL_API_PORT", &callback.to_string())
        .with("CONNECTOR_LISTEN_PROTOCOL_API_URI", &format!("http://127.0.0.1:{callback}"));
    let _connector = site.start();
    let half_open = |port: u16| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        std::io::Write::write_all(&mut stream, b"GET /health HTTP/1.1\r\nx: ").expect("it is written");
        stream
    };
    let _held: Vec<_> = (0..300).flat_map(|_| [half_open(metrics), half_open(callback)]).collect();
    assert_eq!(read(metrics, "/health").expect("an answer").0, 200);
    assert_eq!((read(metrics, "/").expect("an answer").0, read(callback, "/health").expect("an answer").0), (404, 200));
    site.complete(Entity::domain("example.com"));
    let (_, text) = read(metrics, "/metrics").expect("an answer");
    let build = text.lines().find(|line| line.starts_with("build_info{")).expect("the build is served");
    assert!(build.contains("profile=\"riskiq\"") && build.contains("profile_version="), "{build}");
}

#[test]
fn one_process_is_a_shelf_of_connectors() {
    let platform = Platform::new(NEWEST);
    let site = Site::on(platform, Provider::with(3))
        .with("STIXMAP_PROFILE", "riskiq,tests/providers/lines")
        .without("CONNECTOR_ID")
        .without("CONNECTOR_NAME")
        .without("CONNECTOR_SCOPE")
        .with("RISKIQ_CONNECTOR_ID", ID)
        .with("LINES_CONNECTOR_ID", OTHER)
        .with("LINES_CONNECTOR_SCOPE", "IPv4-Addr")
        .with("LINES_KEY", "k");
    let _connector = site.start();
    site.platform.await_consumer(OTHER);
    let told = |id: &str| site.platform.connector(id).expect("it is registered").input;
    assert_eq!((&told(ID)["name"], &told(OTHER)["name"]), (&"RiskIQ PassiveTotal".into(), &"Line Provider".into()));
    assert_eq!(told(OTHER)["scope"], serde_json::json!(["IPv4-Addr"]));
    // Each has its own queue: what one is asked, the other does not see.
    site.complete(Entity::domain("example.com"));
    let entity = site.platform.add(Entity::domain("out-of-scope.example"));
    let work = site.platform.await_report(&site.platform.enrich(OTHER, &entity));
    assert!(work.reports[0].0.contains("scope"), "{work:?}");
    assert_eq!(site.provider.asked("out-of-scope.example"), 0);
}

#[test]
fn two_connectors_with_one_id_do_not_start() {
    let site = Site::new(|_, _| Answer::Records(1))
        .with("STIXMAP_PROFILE", "riskiq,tests/providers/lines")
        .with("LINES_KEY", "k");
    let mut connector = site.launch();
    assert_eq!(connector.ended(), Some(2));
    assert!(connector.said().contains("LINES_CONNECTOR_ID"), "{}", connector.said());
}

#[test]
fn callback_serves_tls() {
    let (folder, authority, port) = (tempfile::tempdir().expect("a folder"), Authority::new(), free_port());
    let [_, certificate, key] = authority.put(folder.path(), "callback");
    let site = Site::on(Platform::new(NEWEST), Provider::with(3))
        .with("CONNECTOR_LISTEN_PROTOCOL", "API")
        .with("CONNECTOR_LISTEN_PROTOCOL_API_PORT", &port.to_string())
        .with("CONNECTOR_LISTEN_PROTOCOL_API_URI", &format!("https://127.0.0.1:{port}"))
        .with("CONNECTOR_LISTEN_PROTOCOL_API_SSL", "true")
        .with("LISTEN_PROTOCOL_API_SSL_CERT", path(&certificate))
        .with("LISTEN_PROTOCOL_API_SSL_KEY", path(&key));
    let _connector = site.start();
    assert_eq!(site.complete(Entity::domain("example.com")).status, Status::Complete);
    let without = site.without("LISTEN_PROTOCOL_API_SSL_KEY");
    let mut connector = without.launch();
    assert_eq!(connector.ended(), Some(2));
    assert!(connector.said().contains("required by LISTEN_PROTOCOL_API_SSL_CERT"), "{}", connector.said());
}

#[test]
fn broker_is_reached_over_tls() {
    let broker = Broker::shared();
    let folder = tempfile::tempdir().expect("a folder");
    let [authority, certificate, key] = broker.authority.put(folder.path(), "connector");
    let secured = |authority: &Path| {
        Site::on(Platform::on(NEWEST, broker.clone(), None), Provider::with(3))
            .with("MQ_USE_SSL", "true")
            .with("MQ_PORT", &broker.tls.to_string())
            .with("MQ_USE_SSL_CA", path(authority))
            .with("MQ_USE_SSL_CERT", path(&certificate))
            .with("MQ_USE_SSL_KEY", path(&key))
    };
    let site = secured(&authority);
    let _connector = site.start();
    assert_eq!(site.complete(Entity::domain("example.com")).status, Status::Complete);

    let others = tempfile::tempdir().expect("a folder");
    let [stranger, ..] = Authority::new().put(others.path(), "nobody");
    let site = secured(&stranger);
    let refused = site.launch();
    soon(Duration::from_secs(10), "it is logged", || refused.said().contains("Cannot consume from RabbitMQ"));
    let unverified = secured(&stranger).without("MQ_USE_SSL_CA");
    let unverified = unverified.with("MQ_USE_SSL_REJECT_UNAUTHORIZED", "false").with("CONNECTOR_LOG_LEVEL", "critical");
    let connector = unverified.start();
    let warned = "MQ_USE_SSL_REJECT_UNAUTHORIZED is off: the broker's certificate is not verified";
    assert!(connector.said().contains(warned), "{}", connector.said());
    assert_eq!(unverified.complete(Entity::domain("example.org")).status, Status::Complete);
}

#[test]
fn copies_are_written_to_store_and_folder() {
    let (store, folder) = (Store::new(), tempfile::tempdir().expect("a folder"));
    let old = |name: &str| format!("{name}-20200101-000000-1577836800.000000001.json");
    let kept = [
        "connectors/riskiq-20260101-000000-1767225600.5.json".to_owned(),
        old("others/riskiq"),
        old("connectors/another"),
        old("connectors/riskiq-two"),
        "connectors/riskiq-notes.json".to_owned(),
    ];
    store.put(&old("connectors/riskiq"), "2020-01-01T00:00:00.000Z");
    store.put(&kept[0], "2126-01-01T00:00:00.000Z");
    kept[1..].iter().for_each(|name| store.put(name, "2020-01-01T00:00:00.000Z"));
    let others = [old("riskiq-two"), "riskiq-notes.json".to_owned(), "notes.json".to_owned()];
    for name in [&others[..], &[old("riskiq")]].concat() {
        let old = std::fs::File::create(folder.path().join(name)).expect("a file");
        old.set_modified(SystemTime::now() - Duration::from_secs(8 * 86_400)).expect("its time can be set");
    }
    let site = Site::on(Platform::new(NEWEST), Provider::with(3))
        .with("CONNECTOR_SEND_TO_DIRECTORY", "true")
        .with("CONNECTOR_SEND_TO_DIRECTORY_PATH", path(folder.path()))
        .with("CONNECTOR_SEND_TO_S3", "true")
        .with("S3_ENDPOINT", "127.0.0.1")
        .with("S3_PORT", &store.port.to_string());
    let connector = site.start();
    let work = site.complete(Entity::domain("example.com"));
    let names = store.names();
    assert!(!names.contains(&old("connectors/riskiq")) && kept.iter().all(|name| names.contains(name)), "{names:?}");
    let is_new = |name: &String| name.starts_with("connectors/riskiq-20") && !kept.contains(name);
    let [written] = &names.into_iter().filter(is_new).collect::<Vec<_>>()[..] else {
        panic!("one file: {}", connector.said())
    };
    let files = std::fs::read_dir(folder.path()).expect("the folder").flatten();
    let (left, new): (Vec<_>, Vec<_>) =
        files.partition(|file| others.iter().any(|name| file.file_name() == name.as_str()));
    assert_eq!(left.len(), others.len(), "what others keep there stays");
    let [file] = &new[..] else { panic!("one file: {}", connector.said()) };
    let sent: BTreeSet<String> = work.objects.iter().map(|object| object["id"].to_string()).collect();
    let copied = std::fs::read_to_string(file.path()).expect("a file");
    for (text, kind) in [(copied, "DIRECTORY_BUNDLE"), (store.text(written), "S3_BUNDLE")] {
        let copy: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&copy["bundle_type"], &copy["connector"]["id"]), (&kind.into(), &ID.into()));
        let objects = copy["bundle"]["objects"].as_array().expect("objects");
        let ids: BTreeSet<String> = objects.iter().map(|object| object["id"].to_string()).collect();
        assert_eq!(ids, sent, "{kind}");
    }
    assert!(!connector.said().contains("Failed to write a copy"), "{}", connector.said());
}

#[test]
fn unreachable_store_affects_no_enrichment() {
    let site = Site::on(Platform::new(NEWEST), Provider::with(3))
        .with("CONNECTOR_SEND_TO_S3", "true")
        .with("S3_ENDPOINT", "127.0.0.1")
        .with("S3_PORT", &free_port().to_string());
    let connector = site.start();
    site.complete(Entity::domain("example.com"));
    assert!(connector.said().contains("Failed to write a copy of the bundle"), "{}", connector.said());
    assert!(!connector.said().contains("X-Amz-Signature"), "{}", connector.said());
}

#[test]
fn silent_store_affects_no_enrichment() {
    let (port, _listener) = Store::silent();
    let site = Site::on(Platform::new(NEWEST), Provider::with(3))
        .with("CONNECTOR_DELIVERY_TIMEOUT", "10")
        .with("CONNECTOR_SEND_TO_S3", "true")
        .with("S3_ENDPOINT", "127.0.0.1")
        .with("S3_PORT", &port.to_string());
    let connector = site.start();
    site.complete(Entity::domain("example.com"));
    assert!(connector.said().contains("timed out waiting for the object store"), "{}", connector.said());
}
