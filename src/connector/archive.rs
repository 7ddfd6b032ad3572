//! Archives published bundles as pycti does: one file per delivery, in a folder and in an S3 bucket. Old copies are deleted. A
//! failure is logged and does not affect the enrichment.

use super::configuration::Directory;
use super::copy_name::{file_name, is_own, own_name};
use super::instance::Connector;
use super::journal::Entry;
use super::log::with_reason;
use super::message::Delivery;
use crate::files::Root;
use anyhow::Context;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout};

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
