//! Validation before import: objects go to a draft or to the workbench, once, even if the delivery is processed again.

use super::bundle::whole;
use super::graphql_error::PlatformError;
use super::publisher::Publisher;
use super::split::Split;
use super::work_counters::WorkMessage;

/// Version of OpenCTI since which validation uses drafts by default.
const DRAFTS: &str = "7.260900.0";

/// What to do with the objects after `review`.
pub(super) enum Review {
    /// Publish them.
    None,
    /// Publish them in the draft with this id.
    InDraft(String),
    /// Nothing: they wait in the workbench, or no draft was created.
    Finished(WorkMessage),
}

impl Publisher<'_> {
    /// Creates a draft or a workbench file if validation is wanted: whichever the message asks for, or the default of the
    /// platform's version.
    pub(super) async fn review(self, split: &Split, message: &WorkMessage) -> Result<Review, PlatformError> {
        let Publisher { connector, delivery, entry, context, .. } = self;
        let is_wanted = connector.configuration.validates || delivery.validation.is_forced;
        let Some(work) = delivery.work.as_deref().filter(|_| is_wanted) else { return Ok(Review::None) };
        let name = format!("{work}.json");
        // The mutation that pushes bundles has no argument for a draft.
        let is_draft_lost = connector.configuration.pushes_by_api;
        let in_workbench = delivery.validation.in_workbench.unwrap_or_else(|| !connector.platform.has(DRAFTS));
        if in_workbench || is_draft_lost {
            return self.in_workbench(work, &name, split, message).await;
        }
        if delivery.draft.is_some() {
            return Ok(Review::None);
        }
        let draft = match entry.progress().and_then(|progress| progress.draft) {
            Some(draft) => draft,
            None => match connector.platform.add_draft(&name, &delivery.entity, context).await? {
                Some(draft) => draft,
                None => return Ok(Review::Finished(message.clone().but("the platform created no draft"))),
            },
        };
        entry.update(|progress| progress.draft = Some(draft.clone()));
        if connector.platform.has("6.5.1") {
            connector.platform.add_draft_context(work, &draft, context).await?;
        }
        Ok(Review::InDraft(draft))
    }

    async fn in_workbench(
        self,
        work: &str,
        name: &str,
        split: &Split,
        message: &WorkMessage,
    ) -> Result<Review, PlatformError> {
        let Publisher { connector, delivery, entry, bundle, context } = self;
        let message = message.clone().and("waiting for review");
        if !entry.progress().is_some_and(|progress| progress.is_for(bundle)) {
            let text = entry.guarded(|| whole(bundle, split).text());
            connector.platform.upload(name, text, &delivery.entity, context).await?;
        }
        if self.announce(1, &message).await? == 0 {
            connector.platform.report_expectation(work, None, context).await?;
            entry.update(|progress| progress.send_up_to(1));
        }
        Ok(Review::Finished(message))
    }
}
