//! Expectations of a work: the number of messages that it waits for. They are announced once, also across restarts, and those
//! that are never published are reported as failed.

use super::graphql_error::PlatformError;
use super::instance::Connector;
use super::journal::Entry;
use super::log::with_reason;
use super::message::Delivery;
use super::platform::RequestContext;
use super::publisher::Publisher;
use super::work_counters::{Progress, WorkMessage};
use futures_util::future::join_all;
use serde_json::json;

/// Maximum number of concurrent requests to report expectations.
const AT_ONCE: usize = 32;

impl Publisher<'_> {
    /// Announces the messages of a bundle and returns how many of them are published already. Messages that were announced
    /// before a restart are not announced again; for another bundle, only those in excess are.
    pub(super) async fn announce(self, number: usize, message: &WorkMessage) -> Result<usize, PlatformError> {
        let Publisher { connector, delivery, entry, bundle, context } = self;
        let begin = |progress: &mut Progress| progress.begin_bundle(bundle, number, message.clone());
        let Some(work) = &delivery.work else { return Ok(entry.update(begin).sent()) };
        let progress = entry.update(begin);
        // Fewer objects than before a restart are not an error.
        report_missing(connector, work, entry, progress.surplus(), None, context).await;
        let (expected, more) = (progress.expected(), progress.unannounced());
        if more > 0 {
            connector.log.info("Update action expectations", json!({ "work_id": work, "expectations": more }));
            entry.update(|progress| progress.request(more));
            let response = connector.platform.add_expectations(work, expected, more, context).await;
            match &response {
                Ok(()) => drop(entry.update(Progress::confirm)),
                Err(PlatformError::Rejected { .. }) => drop(entry.update(Progress::reject)),
                // Uncertain: the platform is asked before the next attempt.
                Err(_) => {}
            }
            response?;
        }
        Ok(progress.sent())
    }
}

/// Reads the work's counters if the journal is uncertain, or if another process with a journal of its own may have begun the
/// delivery.
pub(super) async fn reconcile(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    context: RequestContext<'_>,
) -> Result<(), PlatformError> {
    if !is_announced_here(connector, delivery) {
        return Ok(());
    }
    let Some(work) = &delivery.work else { return Ok(()) };
    match entry.progress() {
        Some(progress) if progress.is_unconfirmed() || progress.left() > 0 => {
            let tracking = connector.platform.tracking(work, context).await?;
            entry.update(|progress| progress.reconcile(tracking));
        }
        None if entry.is_redelivered() => {
            let tracking = connector.platform.tracking(work, context).await?;
            entry.update(|progress| *progress = tracking.map_or_else(Progress::default, Progress::from_tracking));
        }
        _ => {}
    }
    Ok(())
}

/// Returns whether the connector announces the expectations: for bundles pushed by the API, the platform's worker does.
fn is_announced_here(connector: &Connector, delivery: &Delivery) -> bool {
    let own = &connector.configuration;
    !own.pushes_by_api || own.validates || delivery.validation.is_forced || delivery.draft.is_some()
}

/// Reports expected messages that will never be published, `AT_ONCE` at a time, so that the work does not wait for them.
pub(super) async fn report_missing(
    connector: &Connector,
    work: &str,
    entry: &Entry,
    number: usize,
    reason: Option<&str>,
    context: RequestContext<'_>,
) {
    let error = reason.map(|reason| (reason, connector.configuration.name.as_str()));
    let mut left = number;
    while left > 0 {
        let some = left.min(AT_ONCE);
        let reports = (0..some).map(|_| connector.platform.report_expectation(work, error, context));
        let reports = join_all(reports).await;
        let reported = reports.iter().filter(|report| report.is_ok()).count();
        entry.update(|progress| {
            progress.settle(reported);
            if reported < some {
                progress.mark_uncertain();
            }
        });
        if let Some(error) = reports.into_iter().find_map(Result::err) {
            return connector.log.error("Cannot report expectation", with_reason(error));
        }
        left -= some;
    }
}
