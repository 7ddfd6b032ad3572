//! What a work is told to expect: as many messages as are sent for it, also by a process that died; and which of them will not
//! come after all.

use super::Connector;
use super::graphql_error::PlatformError;
use super::journal::Entry;
use super::log::because;
use super::message::Delivery;
use super::platform::RequestContext;
use super::progress::{Progress, WorkMessage};
use super::publish::Sending;
use futures_util::future::join_all;
use serde_json::json;

/// So many reports are made at once.
const AT_ONCE: usize = 32;

impl Sending<'_> {
    /// Announces the messages of a bundle, and gives how many of them are sent already. What was announced before the process
    /// died is not announced again; of another bundle than was announced then, as many as are not covered.
    pub(super) async fn announce(self, number: usize, said: &WorkMessage) -> Result<usize, PlatformError> {
        let Sending { connector, delivery, entry, bundle, errand } = self;
        let turn = |progress: &mut Progress| progress.turn_to(bundle, number, said.clone());
        let Some(work) = &delivery.work else { return Ok(entry.note(turn).sent()) };
        let progress = entry.note(turn);
        // What was announced before the connector was ended, and is no longer found, is no failure.
        give_up(connector, work, entry, progress.surplus(), None, errand).await;
        let (expected, more) = (progress.expected(), progress.unannounced());
        if more > 0 {
            connector.log.info("Update action expectations", json!({ "work_id": work, "expectations": more }));
            entry.note(|progress| progress.ask(more));
            let answer = connector.platform.add_expectations(work, expected, more, errand).await;
            match &answer {
                Ok(()) => drop(entry.note(Progress::agree)),
                Err(PlatformError::No { .. }) => drop(entry.note(Progress::refuse)),
                // It stays unsure.
                Err(_) => {}
            }
            answer?;
        }
        Ok(progress.sent())
    }
}

/// Finds out what the work counts, where the process died before it knew how far it came, or another process began with the
/// message that keeps a journal of its own.
pub(super) async fn recall(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    errand: RequestContext<'_>,
) -> Result<(), PlatformError> {
    if !is_told_here(connector, delivery) {
        return Ok(());
    }
    let Some(work) = &delivery.work else { return Ok(()) };
    match entry.progress() {
        Some(progress) if progress.is_unsure() || progress.left() > 0 => {
            let tracking = connector.platform.tracking(work, errand).await?;
            entry.note(|progress| progress.learn(tracking));
        }
        None if entry.comes_again() => {
            let tracking = connector.platform.tracking(work, errand).await?;
            entry.note(|progress| *progress = tracking.map_or_else(Progress::default, Progress::of_another));
        }
        _ => {}
    }
    Ok(())
}

/// Whether it is the connector that tells the work what to expect: of what is handed over whole, it is the worker.
fn is_told_here(connector: &Connector, delivery: &Delivery) -> bool {
    let own = &connector.configuration;
    !own.pushes_by_api || own.validates || delivery.validation.is_forced || delivery.draft.is_some()
}

/// Announced objects that will not come are reported, some at once, so that the work does not wait for them.
pub(super) async fn give_up(
    connector: &Connector,
    work: &str,
    entry: &Entry,
    number: usize,
    reason: Option<&str>,
    errand: RequestContext<'_>,
) {
    let error = reason.map(|reason| (reason, connector.configuration.name.as_str()));
    let mut left = number;
    while left > 0 {
        let some = left.min(AT_ONCE);
        let reports = (0..some).map(|_| connector.platform.report_expectation(work, error, errand));
        let reports = join_all(reports).await;
        let reported = reports.iter().filter(|report| report.is_ok()).count();
        entry.note(|progress| {
            progress.give_up(reported);
            if reported < some {
                progress.blur();
            }
        });
        if let Some(refused) = reports.into_iter().find_map(Result::err) {
            return connector.log.error("Cannot report expectation", because(refused));
        }
        left -= some;
    }
}
