//! A bucket of an S3 object store.

use super::configuration::{StoreSettings, in_url};
use super::copy_name::is_own;
use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, RequestBuilder};
use rusty_s3::actions::{ListObjectsV2, S3Action};
use rusty_s3::{Bucket, Credentials, UrlStyle};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// Timeout of one request to the object store, and validity of its signature.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

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

    pub(super) async fn put(&self, client: &Client, name: &str, content: String) -> anyhow::Result<()> {
        let key = format!("{}{name}", self.folder);
        let url = self.bucket.put_object(Some(&self.credentials), &key).sign(REQUEST_TIMEOUT);
        send(client.put(url).header("content-type", "application/json").body(content)).await.map(drop)
    }

    /// Deletes the connector's copies that are older than the retention in days; 0 keeps all. Other objects are kept.
    pub(super) async fn clear(&self, client: &Client, own: &str) -> anyhow::Result<()> {
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
