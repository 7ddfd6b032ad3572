//! What a person is to look at before it is imported: it goes to a draft, or to the workbench, once, however often it is begun.

use super::graphql_error::PlatformError;
use super::progress::WorkMessage;
use super::publish::{Sending, whole};
use super::split::Split;

/// The version from which on what is to be looked at goes to a draft.
const DRAFTS: &str = "7.260900.0";

/// Where objects go on.
pub(super) enum Review {
    /// To the platform.
    None,
    /// To a draft.
    InDraft(String),
    /// It goes no further: this is said.
    Said(WorkMessage),
}

impl Sending<'_> {
    /// Where a person is to look at it first, it goes to a draft, or to the workbench: as the message says, or as connectors of
    /// the platform's version do without a word.
    pub(super) async fn review(self, split: &Split, said: &WorkMessage) -> Result<Review, PlatformError> {
        let Sending { connector, delivery, entry, errand, .. } = self;
        let is_wanted = connector.configuration.validates || delivery.validation.is_forced;
        let Some(work) = delivery.work.as_deref().filter(|_| is_wanted) else { return Ok(Review::None) };
        let name = format!("{work}.json");
        // What is handed to the platform whole does not take a draft along.
        let is_draft_lost = connector.configuration.pushes_by_api;
        let in_workbench = delivery.validation.in_workbench.unwrap_or_else(|| !connector.platform.has(DRAFTS));
        if in_workbench || is_draft_lost {
            return self.in_workbench(work, &name, split, said).await;
        }
        if delivery.draft.is_some() {
            return Ok(Review::None);
        }
        let draft = match entry.progress().and_then(|progress| progress.draft) {
            Some(draft) => draft,
            None => match connector.platform.add_draft(&name, &delivery.entity, errand).await? {
                Some(draft) => draft,
                None => return Ok(Review::Said(said.clone().but("the platform made no draft for it"))),
            },
        };
        entry.note(|progress| progress.draft = Some(draft.clone()));
        if connector.platform.has("6.5.1") {
            connector.platform.add_draft_context(work, &draft, errand).await?;
        }
        Ok(Review::InDraft(draft))
    }

    async fn in_workbench(
        self,
        work: &str,
        name: &str,
        split: &Split,
        said: &WorkMessage,
    ) -> Result<Review, PlatformError> {
        let Sending { connector, delivery, entry, bundle, errand } = self;
        let said = said.clone().and("it waits for review");
        if !entry.progress().is_some_and(|progress| progress.is_of(bundle)) {
            let text = entry.dangerously(|| whole(bundle, split).text());
            connector.platform.upload(name, text, &delivery.entity, errand).await?;
        }
        if self.announce(1, &said).await? == 0 {
            connector.platform.report_expectation(work, None, errand).await?;
            entry.note(|progress| progress.send_up_to(1));
        }
        Ok(Review::Said(said))
    }
}
