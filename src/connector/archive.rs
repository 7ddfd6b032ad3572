//! Archives published bundles as pycti does: one file per delivery, in a folder and in an S3 bucket. Old copies are deleted. A
//! failure is logged and does not affect the enrichment.

use super::configuration::{Directory, StoreSettings, in_url};
use super::journal::Entry;
use super::log::with_reason;
use super::message::Delivery;
use super::{Connector, configuration};
use crate::files::Root;
use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, RequestBuilder};
use rusty_s3::actions::{ListObjectsV2, S3Action};
use rusty_s3::{Bucket, Credentials, UrlStyle};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout};
use url::Url;

/// Timeout of one request to the object store, and validity of its signature.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Timeout of all requests to the object store for one delivery; at most half of the remaining time.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(90);

/// Writes copies of the bundle of one delivery, where configured.
pub(super) async fn keep(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    bundle: &impl Serialize,
    until: Instant,
) {
    let (own, name) = (own_name(&connector.configuration), file_name(&connector.configuration));
    let copy = |kind| Copy::new(connector, delivery, kind, bundle);
    if let Some(directory) = &connector.configuration.directory {
        let copy = copy("DIRECTORY_BUNDLE");
        log_failure(connector, entry.guarded(|| in_directory(directory, (&own, &name), &copy)));
    }
    if let Some(store) = connector.registered().and_then(|registered| registered.store) {
        let content = entry.guarded(|| serde_json::to_string(&copy("S3_BUNDLE")).expect("a copy is JSON"));
        let upload = async {
            store.put(&connector.client, &name, content).await?;
            store.clear(&connector.client, &own).await
        };
        let left = until.saturating_duration_since(Instant::now());
        let result = timeout(TOTAL_TIMEOUT.min(left / 2), upload).await;
        log_failure(
            connector,
            result.unwrap_or_else(|_| Err(anyhow::anyhow!("timed out waiting for the object store"))),
        );
    }
}

fn log_failure(connector: &Connector, result: anyhow::Result<()>) {
    if let Err(error) = result {
        connector.log.error("Failed to write a copy of the bundle", with_reason(format!("{error:#}")));
    }
}

/// Returns the prefix of the connector's file names.
fn own_name(own: &configuration::Configuration) -> String {
    own.name.to_lowercase().replace([' ', '/'], "_")
}

/// Returns a new file name: connector, date, and seconds since 1970.
fn file_name(own: &configuration::Configuration) -> String {
    let (now, name) = (jiff::Zoned::now(), own_name(own));
    let (seconds, rest) = (now.timestamp().as_second(), now.timestamp().subsec_nanosecond());
    format!("{name}-{}{seconds}.{rest:09}.json", now.strftime("%Y%m%d-%H%M%S-"))
}

/// Content of a copy, with the fields that pycti writes.
#[derive(Serialize)]
struct Copy<'b, B> {
    applicant_id: Option<String>,
    bundle: &'b B,
    bundle_type: &'static str,
    connector: Value,
    entities_types: [&'static str; 0],
    update: bool,
}

impl<'b, B: Serialize> Copy<'b, B> {
    fn new(connector: &Connector, delivery: &Delivery, kind: &'static str, bundle: &'b B) -> Self {
        let own = &connector.configuration;
        Copy {
            applicant_id: delivery.applicant.clone().or_else(|| connector.user()),
            bundle,
            bundle_type: kind,
            connector: json!({
                "id": own.id, "name": own.name, "type": "INTERNAL_ENRICHMENT", "scope": own.scope, "auto": own.is_auto,
                "validate_before_import": own.validates,
            }),
            entities_types: [],
            update: false,
        }
    }
}

fn in_directory(directory: &Directory, (own, name): (&str, &str), copy: &impl Serialize) -> anyhow::Result<()> {
    let folder = Root::new(&directory.path);
    // 0 keeps all copies.
    if directory.retention > 0 {
        let oldest = SystemTime::now() - Duration::from_secs(directory.retention * 86_400);
        folder.sweep(oldest, |name| is_own(name, own)).with_context(|| directory.path.display().to_string())?;
    }
    // Serialized object by object: the whole JSON takes many times the memory of the bundle.
    let written = folder.replace(name, &mut |out| {
        let mut out = BufWriter::new(out);
        serde_json::to_writer(&mut out, copy)?;
        out.flush()
    });
    written.with_context(|| directory.path.join(name).display().to_string())
}

/// Returns whether `file_name` gives such names for the connector, or the file is an unfinished copy. Other files in the same
/// folder are kept.
fn is_own(name: &str, own: &str) -> bool {
    let part = name.strip_prefix('.').and_then(|part| part.strip_suffix(".part")?.rsplit_once('.'));
    let name = part.map_or(name, |(name, _)| name);
    let rest = name.strip_prefix(own).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".json"));
    let Some(parts) = rest.map(|rest| rest.split('-').collect::<Vec<_>>()) else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let [date, time, seconds] = parts[..] else { return false };
    date.len() == 8 && time.len() == 6 && [date, time].into_iter().chain(seconds.splitn(2, '.')).all(is_number)
}

/// A bucket of an S3 object store.
#[derive(Debug)]
pub(super) struct Store {
    bucket: Bucket,
    credentials: Credentials,
    folder: String,
    retention: u64,
}

impl Store {
    /// Reads the platform's own store from the registration; the operator's settings override it. None if not configured.
    pub(super) fn read(registered: &Value, settings: Option<&StoreSettings>) -> anyhow::Result<Option<Store>> {
        let Some(own) = settings else { return Ok(None) };
        let text = |key: &str| registered[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let missing =
            |name: &str| format!("missing {name}: required by CONNECTOR_SEND_TO_S3, and not given by the platform");
        let host = own.endpoint.clone().or_else(|| text("endpoint")).with_context(|| missing("S3_ENDPOINT"))?;
        let is_tls = own.use_ssl.unwrap_or_else(|| registered["use_ssl"].as_bool().unwrap_or(false));
        let port = own.port.or_else(|| u16::try_from(registered["port"].as_u64()?).ok());
        let scheme = if is_tls { "https" } else { "http" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let endpoint = Url::parse(&format!("{scheme}://{}{port}", in_url(&host)))
            .context("invalid S3_ENDPOINT: expected a host name")?;
        let name = own.bucket.clone().or_else(|| text("bucket_name"));
        let name = name.with_context(|| missing("CONNECTOR_SEND_TO_S3_BUCKET"))?;
        let region = own.region.clone().or_else(|| text("bucket_region")).unwrap_or_else(|| "us-east-1".into());
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name, region).context("CONNECTOR_SEND_TO_S3_BUCKET")?;
        let access = own.access_key.as_ref().map(|key| key.to_string()).or_else(|| text("access_key"));
        let secret = own.secret_key.as_ref().map(|key| key.to_string()).or_else(|| text("secret_key"));
        let credentials = Credentials::new(
            access.with_context(|| missing("S3_ACCESS_KEY"))?,
            secret.with_context(|| missing("S3_SECRET_KEY"))?,
        );
        Ok(Some(Store { bucket, credentials, folder: own.folder.clone(), retention: own.retention }))
    }

    async fn put(&self, client: &Client, name: &str, content: String) -> anyhow::Result<()> {
        let key = format!("{}{name}", self.folder);
        let url = self.bucket.put_object(Some(&self.credentials), &key).sign(REQUEST_TIMEOUT);
        send(client.put(url).header("content-type", "application/json").body(content)).await.map(drop)
    }

    /// Deletes the connector's copies that are older than the retention in days; 0 keeps all. Other objects are kept.
    async fn clear(&self, client: &Client, own: &str) -> anyhow::Result<()> {
        if self.retention == 0 {
            return Ok(());
        }
        let days = i64::try_from(self.retention).context("invalid retention")?;
        let oldest = Timestamp::now().checked_sub(SignedDuration::from_hours(days * 24))?;
        let (mut next, prefix) = (None, format!("{}{own}-", self.folder));
        loop {
            let mut list = self.bucket.list_objects_v2(Some(&self.credentials));
            list.with_prefix(prefix.as_str());
            if let Some(token) = next.take() {
                list.with_continuation_token(token);
            }
            let text = send(client.get(list.sign(REQUEST_TIMEOUT))).await?;
            let listed = ListObjectsV2::parse_response(&text).context("invalid object list of the object store")?;
            for object in listed.contents {
                let modified = object.last_modified.and_then(|text| text.parse::<Timestamp>().ok());
                let is_old = modified.is_some_and(|modified| modified < oldest);
                let name = object.key.strip_prefix(self.folder.as_str()).unwrap_or(&object.key);
                if is_old && is_own(name, own) {
                    let url = self.bucket.delete_object(Some(&self.credentials), &object.key).sign(REQUEST_TIMEOUT);
                    send(client.delete(url)).await?;
                }
            }
            next = listed.next_continuation_token;
            if next.is_none() {
                return Ok(());
            }
        }
    }
}

/// Sends a request and returns the body of a successful response. Errors do not contain the URL, which has the signature.
async fn send(request: RequestBuilder) -> anyhow::Result<String> {
    let response = request.timeout(REQUEST_TIMEOUT).send().await.map_err(reqwest::Error::without_url)?;
    let status = response.status();
    let text = response.text().await.map_err(reqwest::Error::without_url)?;
    ensure!(status.is_success(), "the object store responded with HTTP {status}");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_copies_are_recognized_by_name_and_date() {
        for (name, expected) in [
            ("acme-20260101-000000-1767225600.000000001.json", true),
            ("acme-20260101-000000-1767225600.json", true),
            (".acme-20260101-000000-1767225600.5.json.4711-0.part", true),
            ("acme-two-20260101-000000-1767225600.5.json", false),
            ("acm-20260101-000000-1767225600.5.json", false),
            ("acme-20260101-000000-1767225600.5.json.bak", false),
            ("acme-20260101-000000-.json", false),
            ("acme-20260101-000000-1.2.3.json", false),
            ("acme-2026010x-000000-1767225600.5.json", false),
            ("acme-notes.json", false),
            ("acme-.json", false),
            ("acme.json", false),
            (".part", false),
            ("", false),
        ] {
            assert_eq!(is_own(name, "acme"), expected, "{name}");
        }
    }
}
