//! What is found, on its way to the platform: to the workers' queue in messages of one object, to the platform whole, to a
//! folder, or to a person who looks at it first. What is announced is what is sent.

use super::broker::LARGEST;
use super::graphql_error::PlatformError;
use super::journal::Entry;
use super::log::because;
use super::message::Delivery;
use super::objects::Objects;
use super::platform::RequestContext;
use super::progress::{Progress, WorkMessage};
use super::split::{Part, Split, split};
use super::validation::Review;
use super::{Connector, archive};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::ser::Serializer;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// The longest wait before the broker is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The time that is left for telling what was not sent.
const TO_TELL: Duration = Duration::from_secs(2);

/// So many octets of objects the broker takes in one message: Base64 makes four of three, and there is a little around them.
const ROOM: usize = (LARGEST - 16 * 1024) / 4 * 3;

/// A delivery whose objects are sent.
#[derive(Clone, Copy)]
pub(super) struct Sending<'d> {
    pub(super) connector: &'d Connector,
    pub(super) delivery: &'d Delivery,
    pub(super) entry: &'d Entry,
    /// The id of the bundle that its objects are sent in.
    pub(super) bundle: &'d str,
    pub(super) errand: RequestContext<'d>,
}

impl Sending<'_> {
    /// Sends objects. Gives what is to be said: `said` where all is as it should be.
    pub(super) async fn send(self, objects: Objects, said: WorkMessage) -> Result<WorkMessage, PlatformError> {
        let Sending { connector, delivery, entry, bundle, errand } = self;
        let split = entry.dangerously(|| split(objects, true));
        for (object, key, reference) in &split.dropped {
            let attributes = json!({ "object": object, "key": key, "reference": reference });
            connector.log.warning("A reference leads to nothing and is not sent", attributes);
        }
        for id in &split.left_out {
            connector.log.error("An object cannot be imported and is not sent", json!({ "object": id }));
        }
        let draft = match self.review(&split, &said).await? {
            Review::None => delivery.draft.clone(),
            Review::InDraft(draft) => Some(draft),
            Review::Said(said) => return Ok(said),
        };
        if connector.keeps_copies() {
            archive::keep(connector, delivery, entry, &whole(bundle, &split), errand.until).await;
        }
        if !connector.configuration.sends_to_queue {
            return Ok(said);
        }
        let errand = RequestContext::new(draft.as_deref(), errand.until);
        // What is handed over whole takes no draft along.
        match connector.configuration.pushes_by_api && draft.is_none() {
            true => Sending { errand, ..self }.to_platform(&split, said).await,
            false => Sending { errand, ..self }.to_queue(&split, said).await,
        }
    }
}

/// All objects in one bundle.
pub(super) fn whole<'b>(id: &'b str, split: &'b Split) -> Bundle<'b> {
    bundle(id, split, split.parts.clone())
}

/// Some of the objects in a bundle.
fn bundle<'b>(id: &'b str, split: &'b Split, parts: Vec<Part>) -> Bundle<'b> {
    Bundle { kind: "bundle", id, spec_version: "2.1", x_opencti_seq: None, objects: Listed { split, parts } }
}

/// A bundle of some of the objects, or of one.
#[derive(Serialize)]
pub(super) struct Bundle<'b> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'b str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    x_opencti_seq: Option<u64>,
    objects: Listed<'b>,
}

/// Objects as a list: each is made as it is written.
struct Listed<'b> {
    split: &'b Split,
    parts: Vec<Part>,
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.parts.iter().map(|part| self.split.object(*part)))
    }
}

impl Bundle<'_> {
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("a bundle is JSON")
    }
}

/// An object with its number among all.
type Numbered = (u64, Part);

/// The objects that the broker takes, with their numbers. No list is made of them: there may be a million.
fn sendable(split: &Split) -> impl Iterator<Item = Numbered> {
    (1..).zip(split.parts.iter().copied()).filter(|(_, part)| part.length() <= ROOM)
}

/// Objects in bundles that are as large as the broker takes.
fn in_bundles(objects: &[Part]) -> Vec<&[Part]> {
    let length = |part: &Part| part.length() + 1;
    let mut octets = objects.first().map_or(0, length);
    let fits = |_: &Part, next: &Part| {
        let fits = octets + length(next) <= ROOM;
        octets = if fits { octets } else { 0 } + length(next);
        fits
    };
    objects.chunk_by(fits).collect()
}

impl Sending<'_> {
    /// How many objects the broker takes, and what is said if they are sent.
    fn counted(self, split: &Split, said: WorkMessage) -> (usize, WorkMessage) {
        let too_large = || split.parts.iter().filter(|part| part.length() > ROOM);
        for part in too_large() {
            let id = self.entry.dangerously(|| split.object(*part)["id"].take());
            let message = "An object is larger than the broker takes and is not sent";
            self.connector.log.error(message, json!({ "object": id }));
        }
        match too_large().count() {
            0 => (split.parts.len(), said),
            number => {
                let said = said.but(&format!("{number} objects were not sent: they are larger than the broker takes"));
                (split.parts.len() - number, said)
            }
        }
    }

    /// Hands all to the platform, which splits it: in bundles that are as large as the broker takes.
    async fn to_platform(self, split: &Split, said: WorkMessage) -> Result<WorkMessage, PlatformError> {
        let Sending { connector, delivery, entry, bundle: id, errand } = self;
        let (_, said) = self.counted(split, said);
        let objects: Vec<Part> = sendable(split).map(|(_, part)| part).collect();
        let bundles = in_bundles(&objects);
        let sent = entry.note(|progress| progress.turn_to(id, bundles.len(), said.clone())).sent();
        for (number, some) in bundles.into_iter().enumerate().skip(sent) {
            let text = entry.dangerously(|| bundle(id, split, some.to_vec()).text());
            connector.platform.push_bundle(delivery.work.as_deref(), &text, errand).await?;
            entry.note(|progress| progress.send_up_to(number + 1));
            connector.metrics.bundles_sent.inc();
            connector.metrics.records_sent.inc_by(some.len() as u64);
        }
        Ok(said)
    }

    async fn to_queue(self, split: &Split, said: WorkMessage) -> Result<WorkMessage, PlatformError> {
        let Sending { connector, delivery, entry, bundle, errand } = self;
        let applicant = delivery.applicant.clone().or_else(|| connector.user());
        let (count, said) = self.counted(split, said);
        let mut sent = self.announce(count, &said).await?;
        let mut wait = Duration::from_millis(100);
        // What is not sent by then is told: that is possible only before everybody stops waiting.
        let last = errand.until - TO_TELL;
        while sent < count {
            let before = sent;
            let rest = sendable(split)
                .skip(before)
                .map(|numbered| message(delivery, applicant.as_deref(), errand.draft, (bundle, split), numbered));
            let certain = |more: usize| {
                sent = before + more;
                entry.note(|progress| progress.send_up_to(sent));
            };
            let sending = match connector.address() {
                Some(address) => timeout_at(last, connector.outbox.send(&address, rest, certain)).await,
                None => Ok(Err(anyhow::anyhow!("the connector is not registered"))),
            };
            let sending = sending.unwrap_or_else(|_| Err(anyhow::anyhow!("the broker does not confirm in time")));
            let Err(error) = sending else { continue };
            entry.note(Progress::blur);
            connector.metrics.errors.inc();
            connector.log.warning("Unable to send bundle, retrying...", because(format!("{error:#}")));
            // The platform declares its queues when it is registered with.
            connector.again.notify_one();
            if Instant::now() + wait >= last {
                let left = count - sent;
                return Ok(said.but(&format!("{left} of {count} objects were not sent: {error:#}")));
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        connector.metrics.bundles_sent.inc_by(count as u64);
        connector.metrics.records_sent.inc_by(count as u64);
        let attributes = json!({ "objects": count });
        connector.log.info(&format!("{} sending bundle to queue", connector.configuration.name), attributes);
        Ok(said)
    }
}

/// A message for the workers, as pycti writes it.
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

fn message(
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
