//! Reports works whose message is not redelivered, because the broker lost its data or the queue was deleted. The result is read
//! from the journal, also after a restart, so that no work stays open forever.

use super::expectations::report_missing;
use super::graphql_error::PlatformError;
use super::instance::Connector;
use super::journal::Entry;
use super::log::with_reason;
use super::platform::{RequestContext, TO_REPORT};
use super::work_counters::{Progress, WorkMessage};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};

/// Interval between two scans of the journal.
const INTERVAL: Duration = Duration::from_secs(5);

/// Reports works whose message was not redelivered within the time limit of a delivery. Requeued messages are first in the
/// queue, and another consumer would have finished in that time. Runs until the connector stops.
pub(super) async fn settle(connector: Arc<Connector>) {
    let (patience, mut since) = (connector.configuration.delivery_timeout, None);
    loop {
        sleep(INTERVAL).await;
        if !connector.metrics.ready.is_listening() {
            since = None;
            continue;
        }
        if since.get_or_insert_with(Instant::now).elapsed() < patience {
            continue;
        }
        for (work, entry) in connector.journal.unreported_works(SystemTime::now() - patience) {
            if connector.single_flight.contains(entry.name()) {
                continue;
            }
            match report(&connector, &work, &entry).await {
                // Reported, deleted, or rejected for good.
                Ok(()) | Err(PlatformError::Rejected { .. }) => {
                    entry.mark_reported();
                    entry.close();
                }
                Err(error) => connector.log.error("Failing reporting the processing", with_reason(error)),
            }
        }
    }
}

async fn report(connector: &Connector, work: &str, entry: &Entry) -> Result<(), PlatformError> {
    let context = RequestContext::new(None, Instant::now() + TO_REPORT);
    if connector.platform.is_reported(work, context).await? {
        // Another consumer reported it.
        return Ok(());
    }
    if entry.progress().is_some() {
        let tracking = connector.platform.tracking(work, context).await?;
        entry.update(|progress| progress.reconcile(tracking));
    }
    let progress = entry.progress().unwrap_or_default();
    let message = progress.finished().cloned().unwrap_or_else(|| lost(&progress));
    connector.log.warn_always("Message lost by the broker; reporting its work", json!({ "work_id": work }));
    report_missing(connector, work, entry, progress.open(), Some(&message.text), context).await;
    connector.platform.to_processed(work, &message.text, message.in_error, context).await
}

fn lost(progress: &Progress) -> WorkMessage {
    let (sent, all) = (progress.sent(), progress.sent() + progress.left());
    WorkMessage::error(match all {
        0 => "the broker lost the message before anything was sent".to_owned(),
        _ => format!("the broker lost the message after {sent} of {all} objects were sent"),
    })
}
