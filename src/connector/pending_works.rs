//! Works whose message does not come back: the broker was made anew and empty, or the queue was deleted while the message was
//! under way. What came of them is reported from the journal, also by the next process, so that no work waits for ever.

use super::Connector;
use super::enrichment::TO_REPORT;
use super::expectations::give_up;
use super::graphql_error::PlatformError;
use super::journal::Entry;
use super::log::because;
use super::platform::RequestContext;
use super::progress::{Progress, WorkMessage};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};

/// How often it is looked.
const PAUSE: Duration = Duration::from_secs(5);

/// Reports, as long as the connector lives, what did not come back in time. A broker that has it brings it first of all, and
/// whoever else got it is done with it in the time that a message may take.
pub(super) async fn settle(connector: Arc<Connector>) {
    let (patience, mut since) = (connector.configuration.patience, None);
    loop {
        sleep(PAUSE).await;
        if !connector.metrics.ready.is_listening() {
            since = None;
            continue;
        }
        if since.get_or_insert_with(Instant::now).elapsed() < patience {
            continue;
        }
        for (work, entry) in connector.journal.owed(SystemTime::now() - patience) {
            if connector.turns.has(entry.name()) {
                continue;
            }
            match report(&connector, &work, &entry).await {
                // It is deleted, or refused for good.
                Ok(()) | Err(PlatformError::No { .. }) => {
                    entry.conclude();
                    entry.close();
                }
                Err(refused) => connector.log.error("Failing reporting the processing", because(refused)),
            }
        }
    }
}

async fn report(connector: &Connector, work: &str, entry: &Entry) -> Result<(), PlatformError> {
    let errand = RequestContext::new(None, Instant::now() + TO_REPORT);
    if connector.platform.is_reported(work, errand).await? {
        // Whoever got the message did it.
        return Ok(());
    }
    if entry.progress().is_some() {
        let tracking = connector.platform.tracking(work, errand).await?;
        entry.note(|progress| progress.learn(tracking));
    }
    let progress = entry.progress().unwrap_or_default();
    let said = progress.ended().cloned().unwrap_or_else(|| lost(&progress));
    connector
        .log
        .danger("A message did not come back from the broker: its work is reported", json!({ "work_id": work }));
    give_up(connector, work, entry, progress.open(), Some(&said.text), errand).await;
    connector.platform.to_processed(work, &said.text, said.in_error, errand).await
}

fn lost(progress: &Progress) -> WorkMessage {
    let (sent, all) = (progress.sent(), progress.sent() + progress.left());
    WorkMessage::error(match all {
        0 => "the broker lost the message before anything was sent".to_owned(),
        _ => format!("the broker lost the message when {sent} of {all} objects were sent"),
    })
}
