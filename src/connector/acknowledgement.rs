//! Decides whether a delivery is acknowledged, rejected or requeued, from what the report of its result led to.

use super::graphql_error::PlatformError;
use super::instance::Connector;
use super::journal::Entry;
use super::log::with_reason;
use super::message::Malformed;
use super::platform::{RequestContext, TO_REPORT};
use tokio::time::Instant;

/// Maximum attempts at a delivery whose result the platform cannot store (`PlatformError::Failed`).
const MAX_REPORT_ATTEMPTS: usize = 3;

/// What the broker is to do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// Processed and reported, or never to be reported.
    Acknowledge,
    /// Malformed: it can never be processed.
    Reject,
    /// Not reported: it is needed again.
    Requeue,
}

/// Why the result of a delivery was not reported.
pub(super) enum ReportFailure {
    /// The platform cannot store the report: the message is needed again.
    Unavailable(PlatformError),
    /// The platform rejects the report for good.
    Rejected(PlatformError),
    /// The delivery was requeued; its next consumer reports.
    Lost,
}

impl From<PlatformError> for ReportFailure {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::Rejected { .. } if !error.is_forbidden() => Self::Rejected(error),
            _ => Self::Unavailable(error),
        }
    }
}

pub(super) fn disposition(connector: &Connector, entry: &Entry, reported: Result<(), ReportFailure>) -> Disposition {
    if let Err(failure) = reported
        && let Some(disposition) = on_report_failure(connector, entry, failure)
    {
        return disposition;
    }
    entry.mark_reported();
    Disposition::Acknowledge
}

/// Logs why the result was not reported, and returns what to do with the delivery; `None` if no further report is needed.
fn on_report_failure(connector: &Connector, entry: &Entry, failure: ReportFailure) -> Option<Disposition> {
    match failure {
        ReportFailure::Rejected(error) if error.is_gone() => {
            connector.log.warning("Work no longer exists", with_reason(error));
            None
        }
        ReportFailure::Rejected(error) => {
            connector.log.error("Failing reporting the processing", with_reason(error));
            None
        }
        ReportFailure::Unavailable(error) => {
            let is_permanent =
                matches!(error, PlatformError::Failed(_)) && entry.count_failure() >= MAX_REPORT_ATTEMPTS;
            connector.log.error("Failing reporting the processing", with_reason(error));
            // Requeued forever, it would block other deliveries.
            (!is_permanent).then_some(Disposition::Requeue)
        }
        ReportFailure::Lost => Some(Disposition::Requeue),
    }
}

pub(super) async fn reject(connector: &Connector, entry: &Entry, malformed: Malformed) -> Disposition {
    connector.metrics.errors.inc();
    connector.log.error("Rejected message", with_reason(&malformed.reason));
    if let Some(work) = &malformed.work {
        let context = RequestContext::new(None, Instant::now() + TO_REPORT);
        let text = format!("invalid message: {}", malformed.reason);
        if let Err(failure) = connector.platform.to_processed(work, &text, true, context).await.map_err(Into::into) {
            return on_report_failure(connector, entry, failure).unwrap_or(Disposition::Reject);
        }
    }
    Disposition::Reject
}
