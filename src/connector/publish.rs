//! Publishes the objects of a delivery: to the workers' queue in messages of one object each, to the platform's API in whole
//! bundles, to a folder or object store, or to a draft for validation. A work expects exactly the messages that are published.

use super::archive;
use super::broker::MAX_MESSAGE;
use super::bundle::{Bundle, bundle, whole};
use super::graphql_error::PlatformError;
use super::log::with_reason;
use super::message::Delivery;
use super::objects::Objects;
use super::platform::RequestContext;
use super::publisher::Publisher;
use super::split::{Part, Split, split};
use super::validation::Review;
use super::work_counters::{Progress, WorkMessage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Maximum wait before publishing is retried.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Time that is reserved for reporting what was not published.
const TO_REPORT_UNSENT: Duration = Duration::from_secs(2);

/// Maximum size of the objects in one message, in bytes: Base64 encodes three bytes as four, and 16 KiB are left for the rest.
const CAPACITY: usize = (MAX_MESSAGE - 16 * 1024) / 4 * 3;

impl Publisher<'_> {
    /// Publishes the objects and returns the final work message: `message`, with what failed added to it.
    pub(super) async fn publish(self, objects: Objects, message: WorkMessage) -> Result<WorkMessage, PlatformError> {
        let Publisher { connector, delivery, entry, bundle, context } = self;
        let split = entry.guarded(|| split(objects, true));
        for (object, key, reference) in &split.dropped {
            let attributes = json!({ "object": object, "key": key, "reference": reference });
            connector.log.warning("Dropped dangling reference", attributes);
        }
        for id in &split.left_out {
            connector.log.error("Skipped object that the platform cannot import", json!({ "object": id }));
        }
        let draft = match self.review(&split, &message).await? {
            Review::None => delivery.draft.clone(),
            Review::InDraft(draft) => Some(draft),
            Review::Finished(message) => return Ok(message),
        };
        if connector.archives_bundles() {
            archive::keep(connector, delivery, entry, &whole(bundle, &split), context.until).await;
        }
        if !connector.configuration.sends_to_queue {
            return Ok(message);
        }
        let context = RequestContext::new(draft.as_deref(), context.until);
        // The mutation that pushes bundles has no argument for a draft.
        match connector.configuration.pushes_by_api && draft.is_none() {
            true => Publisher { context, ..self }.push_to_platform(&split, message).await,
            false => Publisher { context, ..self }.publish_to_queue(&split, message).await,
        }
    }
}

/// An object and its sequence number in the delivery, from 1.
type Numbered = (u64, Part);

/// Iterates over the objects that fit into a message. They are not collected: there may be a million.
fn sendable(split: &Split) -> impl Iterator<Item = Numbered> {
    (1..).zip(split.parts.iter().copied()).filter(|(_, part)| part.length() <= CAPACITY)
}

/// Groups objects into bundles of at most `CAPACITY` bytes.
fn in_bundles(objects: &[Part]) -> Vec<&[Part]> {
    let length = |part: &Part| part.length() + 1;
    let mut size = objects.first().map_or(0, length);
    let fits = |_: &Part, next: &Part| {
        let fits = size + length(next) <= CAPACITY;
        size = if fits { size } else { 0 } + length(next);
        fits
    };
    objects.chunk_by(fits).collect()
}

impl Publisher<'_> {
    /// Returns how many objects fit into a message, and the work message for that; logs the others.
    fn count_sendable(self, split: &Split, message: WorkMessage) -> (usize, WorkMessage) {
        let too_large = || split.parts.iter().filter(|part| part.length() > CAPACITY);
        for part in too_large() {
            let id = self.entry.guarded(|| split.object(*part)["id"].take());
            self.connector.log.error("Skipped object that exceeds the message size limit", json!({ "object": id }));
        }
        match too_large().count() {
            0 => (split.parts.len(), message),
            number => {
                let failure = format!("{number} objects were not sent: larger than the message size limit");
                (split.parts.len() - number, message.but(&failure))
            }
        }
    }

    /// Pushes bundles by the platform's API; the platform splits them and reports the expectations.
    async fn push_to_platform(self, split: &Split, message: WorkMessage) -> Result<WorkMessage, PlatformError> {
        let Publisher { connector, delivery, entry, bundle: id, context } = self;
        let (_, message) = self.count_sendable(split, message);
        let objects: Vec<Part> = sendable(split).map(|(_, part)| part).collect();
        let bundles = in_bundles(&objects);
        let sent = entry.update(|progress| progress.begin_bundle(id, bundles.len(), message.clone())).sent();
        for (number, some) in bundles.into_iter().enumerate().skip(sent) {
            let text = entry.guarded(|| bundle(id, split, some.to_vec()).text());
            connector.platform.push_bundle(delivery.work.as_deref(), &text, context).await?;
            entry.update(|progress| progress.send_up_to(number + 1));
            connector.metrics.bundles_sent.inc();
            connector.metrics.records_sent.inc_by(some.len() as u64);
        }
        Ok(message)
    }

    async fn publish_to_queue(self, split: &Split, message: WorkMessage) -> Result<WorkMessage, PlatformError> {
        let Publisher { connector, delivery, entry, bundle, context } = self;
        let applicant = delivery.applicant.clone().or_else(|| connector.user());
        let (count, message) = self.count_sendable(split, message);
        let mut sent = self.announce(count, &message).await?;
        let mut wait = Duration::from_millis(100);
        // The rest of the time is for reporting what was not published.
        let deadline = context.until - TO_REPORT_UNSENT;
        while sent < count {
            let before = sent;
            let rest = sendable(split)
                .skip(before)
                .map(|numbered| encode(delivery, applicant.as_deref(), context.draft, (bundle, split), numbered));
            let on_confirmed = |more: usize| {
                sent = before + more;
                entry.update(|progress| progress.send_up_to(sent));
            };
            let published = match connector.address() {
                Some(address) => timeout_at(deadline, connector.outbox.send(&address, rest, on_confirmed)).await,
                None => Ok(Err(anyhow::anyhow!("the connector is not registered"))),
            };
            let published =
                published.unwrap_or_else(|_| Err(anyhow::anyhow!("timed out waiting for publisher confirms")));
            let Err(error) = published else { continue };
            entry.update(Progress::mark_uncertain);
            connector.metrics.errors.inc();
            connector.log.warning("Unable to send bundle, retrying...", with_reason(format!("{error:#}")));
            // The platform declares the queues at registration.
            connector.registration_due.notify_one();
            if Instant::now() + wait >= deadline {
                let left = count - sent;
                return Ok(message.but(&format!("{left} of {count} objects were not sent: {error:#}")));
            }
            sleep(wait).await;
            wait = (wait * 2).min(MAX_WAIT);
        }
        connector.metrics.bundles_sent.inc_by(count as u64);
        connector.metrics.records_sent.inc_by(count as u64);
        let attributes = json!({ "objects": count });
        connector.log.info(&format!("{} sending bundle to queue", connector.configuration.name), attributes);
        Ok(message)
    }
}

/// A message for the workers, with the fields that pycti writes.
#[derive(Serialize)]
struct Message<'m> {
    bundle_type: &'static str,
    applicant_id: Option<&'m str>,
    action_sequence: u64,
    entities_types: [&'static str; 0],
    content: String,
    update: bool,
    draft_id: Option<&'m str>,
    no_split: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    work_id: Option<&'m str>,
}

fn encode(
    delivery: &Delivery,
    applicant: Option<&str>,
    draft: Option<&str>,
    (id, split): (&str, &Split),
    (number, part): Numbered,
) -> Vec<u8> {
    let content = Bundle { x_opencti_seq: Some(part.sequence), ..bundle(id, split, vec![part]) };
    let message = Message {
        bundle_type: "QUEUE_BUNDLE",
        applicant_id: applicant,
        action_sequence: number,
        entities_types: [],
        content: STANDARD.encode(content.text()),
        update: false,
        draft_id: draft,
        no_split: false,
        work_id: delivery.work.as_deref(),
    };
    serde_json::to_vec(&message).expect("a message is JSON")
}
