//! Copies of what is sent, as pycti writes them: the objects of one delivery in one file, in a folder, and in a bucket of an
//! object store. What is older than is wanted goes. A copy that fails is told, and costs the enrichment nothing.

use super::configuration::{Directory, StoreSettings, in_url};
use super::journal::Entry;
use super::log::because;
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

/// How long one request to a store may take; its signature is valid as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a store may take for all that is asked of it about one delivery; and no longer than half of the time that is left.
const ALTOGETHER: Duration = Duration::from_secs(90);

/// Keeps copies of the bundle of one delivery, where the operator wants them.
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
        tell(connector, entry.dangerously(|| in_directory(directory, (&own, &name), &copy)));
    }
    if let Some(store) = connector.registered().and_then(|registered| registered.store) {
        let content = entry.dangerously(|| serde_json::to_string(&copy("S3_BUNDLE")).expect("a copy is JSON"));
        let keeping = async {
            store.put(&connector.client, &name, content).await?;
            store.clear(&connector.client, &own).await
        };
        let left = until.saturating_duration_since(Instant::now());
        let kept = timeout(ALTOGETHER.min(left / 2), keeping).await;
        tell(connector, kept.unwrap_or_else(|_| Err(anyhow::anyhow!("the store takes too long"))));
    }
}

fn tell(connector: &Connector, kept: anyhow::Result<()>) {
    if let Err(error) = kept {
        connector.log.error("A bundle cannot be written", because(format!("{error:#}")));
    }
}

/// What the names of the connector's files begin with.
fn own_name(own: &configuration::Configuration) -> String {
    own.name.to_lowercase().replace([' ', '/'], "_")
}

/// The name of a file: whose it is, and when it was made.
fn file_name(own: &configuration::Configuration) -> String {
    let (now, name) = (jiff::Zoned::now(), own_name(own));
    let (seconds, rest) = (now.timestamp().as_second(), now.timestamp().subsec_nanosecond());
    format!("{name}-{}{seconds}.{rest:09}.json", now.strftime("%Y%m%d-%H%M%S-"))
}

/// What a copy holds, by key.
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
    // 0 keeps them all.
    if directory.retention > 0 {
        let oldest = SystemTime::now() - Duration::from_secs(directory.retention * 86_400);
        folder.sweep(oldest, |name| is_own(name, own)).with_context(|| directory.path.display().to_string())?;
    }
    // Object by object: the whole text would take many times the memory of what was found.
    let written = folder.replace(name, &mut |out| {
        let mut out = BufWriter::new(out);
        serde_json::to_writer(&mut out, copy)?;
        out.flush()
    });
    written.with_context(|| directory.path.join(name).display().to_string())
}

/// Whether a file is called as `file_name` calls those of a connector, or is one that did not become whole: what others keep
/// in the same place is theirs.
fn is_own(name: &str, own: &str) -> bool {
    let part = name.strip_prefix('.').and_then(|part| part.strip_suffix(".part")?.rsplit_once('.'));
    let name = part.map_or(name, |(name, _)| name);
    let rest = name.strip_prefix(own).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".json"));
    let Some(parts) = rest.map(|rest| rest.split('-').collect::<Vec<_>>()) else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let [date, time, seconds] = parts[..] else { return false };
    date.len() == 8 && time.len() == 6 && [date, time].into_iter().chain(seconds.splitn(2, '.')).all(is_number)
}

/// A bucket of an object store that speaks S3.
#[derive(Debug)]
pub(super) struct Store {
    bucket: Bucket,
    credentials: Credentials,
    folder: String,
    retention: u64,
}

impl Store {
    /// What the platform says of its own store, under what the operator says; none if no copies are wanted there.
    pub(super) fn read(told: &Value, settings: Option<&StoreSettings>) -> anyhow::Result<Option<Store>> {
        let Some(own) = settings else { return Ok(None) };
        let text = |key: &str| told[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let missing = |name: &str| format!("CONNECTOR_SEND_TO_S3 is on, and neither {name} nor the platform says it");
        let host = own.endpoint.clone().or_else(|| text("endpoint")).with_context(|| missing("S3_ENDPOINT"))?;
        let is_tls = own.use_ssl.unwrap_or_else(|| told["use_ssl"].as_bool().unwrap_or(false));
        let port = own.port.or_else(|| u16::try_from(told["port"].as_u64()?).ok());
        let scheme = if is_tls { "https" } else { "http" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let endpoint = Url::parse(&format!("{scheme}://{}{port}", in_url(&host)))
            .context("S3_ENDPOINT is not the name of a host")?;
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
        let url = self.bucket.put_object(Some(&self.credentials), &key).sign(PATIENCE);
        answered(client.put(url).header("content-type", "application/json").body(content)).await.map(drop)
    }

    /// The connector's bundles older than so many days are deleted; 0 keeps them all. Others have theirs in the same place.
    async fn clear(&self, client: &Client, own: &str) -> anyhow::Result<()> {
        if self.retention == 0 {
            return Ok(());
        }
        let days = i64::try_from(self.retention).context("a number of days")?;
        let oldest = Timestamp::now().checked_sub(SignedDuration::from_hours(days * 24))?;
        let (mut next, prefix) = (None, format!("{}{own}-", self.folder));
        loop {
            let mut list = self.bucket.list_objects_v2(Some(&self.credentials));
            list.with_prefix(prefix.as_str());
            if let Some(token) = next.take() {
                list.with_continuation_token(token);
            }
            let text = answered(client.get(list.sign(PATIENCE))).await?;
            let listed = ListObjectsV2::parse_response(&text).context("the store's list cannot be read")?;
            for object in listed.contents {
                let modified = object.last_modified.and_then(|text| text.parse::<Timestamp>().ok());
                let is_old = modified.is_some_and(|modified| modified < oldest);
                let name = object.key.strip_prefix(self.folder.as_str()).unwrap_or(&object.key);
                if is_old && is_own(name, own) {
                    let url = self.bucket.delete_object(Some(&self.credentials), &object.key).sign(PATIENCE);
                    answered(client.delete(url)).await?;
                }
            }
            next = listed.next_continuation_token;
            if next.is_none() {
                return Ok(());
            }
        }
    }
}

/// What a store answers, if it does what it was asked to. Its URL is not told: the signature stands in it.
async fn answered(request: RequestBuilder) -> anyhow::Result<String> {
    let answer = request.timeout(PATIENCE).send().await.map_err(reqwest::Error::without_url)?;
    let status = answer.status();
    let text = answer.text().await.map_err(reqwest::Error::without_url)?;
    ensure!(status.is_success(), "the store answered with status {status}");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_are_known_by_name_and_date() {
        for (name, is_ours) in [
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
            assert_eq!(is_own(name, "acme"), is_ours, "{name}");
        }
    }
}
