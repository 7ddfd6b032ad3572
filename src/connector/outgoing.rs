//! What is found, on its way to the platform: to the workers' queue in messages of one object, to the platform whole, to a
//! folder, or to a person who looks at it first. What is announced is what is sent.

use super::broker::LARGEST;
use super::delivery::Delivery;
use super::journal::Entry;
use super::log::because;
use super::platform::{Errand, Refused};
use super::progress::{Progress, Said};
use super::split::{Part, Split, split};
use super::{Connector, copies};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::slice;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// The longest wait before the broker is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The version from which on what is to be looked at goes to a draft.
const DRAFTS: &str = "7.260900.0";

/// So many reports are made at once.
const AT_ONCE: usize = 8;

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
    pub(super) errand: Errand<'d>,
}

impl Sending<'_> {
    /// Sends objects. Gives what is to be said: `said` where all is as it should be.
    pub(super) async fn send(self, objects: Vec<Value>, said: Said) -> Result<Said, Refused> {
        let Sending { connector, delivery, entry, bundle, errand } = self;
        let Split { parts, left_out, dropped } = entry.dangerously(|| split(objects, true));
        for (object, key, reference) in &dropped {
            let attributes = json!({ "object": object, "key": key, "reference": reference });
            connector.log.warning("A reference leads to nothing and is not sent", attributes);
        }
        for id in &left_out {
            connector.log.warning("An object cannot be imported and is not sent", json!({ "object": id }));
        }
        let draft = match self.review(&parts, &said).await? {
            Review::None => delivery.draft.clone(),
            Review::InDraft(draft) => Some(draft),
            Review::Said(said) => return Ok(said),
        };
        if connector.keeps_copies() {
            copies::keep(connector, delivery, entry, &whole(bundle, &parts), errand.until).await;
        }
        if !connector.configuration.sends_to_queue {
            return Ok(said);
        }
        let errand = Errand { draft: draft.as_deref(), ..errand };
        match connector.configuration.pushes_by_api {
            true => Sending { errand, ..self }.to_platform(&parts, said).await,
            false => Sending { errand, ..self }.to_queue(&parts, said).await,
        }
    }
}

/// All objects in one bundle.
fn whole<'b>(id: &'b str, parts: impl IntoIterator<Item = &'b Part>) -> Bundle<'b> {
    Bundle {
        kind: "bundle",
        id,
        spec_version: "2.1",
        x_opencti_seq: None,
        objects: parts.into_iter().map(|part| &*part.text).collect(),
    }
}

/// A bundle of some of the objects, or of one.
#[derive(Serialize)]
struct Bundle<'b> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'b str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    x_opencti_seq: Option<u64>,
    objects: Vec<&'b RawValue>,
}

impl Bundle<'_> {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("a bundle is JSON")
    }
}

enum Review {
    None,
    InDraft(String),
    /// It goes no further: this is said.
    Said(Said),
}

impl Sending<'_> {
    /// Where a person is to look at it first, it goes to a draft, or to the workbench: as the message says, or as connectors of
    /// the platform's version do without a word.
    async fn review(self, parts: &[Part], said: &Said) -> Result<Review, Refused> {
        let Sending { connector, delivery, entry, errand, .. } = self;
        let is_wanted = connector.configuration.validates || delivery.validation.is_forced;
        let Some(work) = delivery.work.as_deref().filter(|_| is_wanted) else { return Ok(Review::None) };
        let name = format!("{work}.json");
        // What is handed to the platform whole does not take a draft along.
        let is_draft_lost = connector.configuration.pushes_by_api;
        let in_workbench = delivery.validation.in_workbench.unwrap_or_else(|| !connector.platform.has(DRAFTS));
        if in_workbench || is_draft_lost {
            return self.in_workbench(work, &name, parts, said).await;
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

    async fn in_workbench(self, work: &str, name: &str, parts: &[Part], said: &Said) -> Result<Review, Refused> {
        let Sending { connector, delivery, entry, bundle, errand } = self;
        let said = said.clone().and("it waits for review");
        if !entry.progress().is_some_and(|progress| progress.is_of(bundle)) {
            let text = entry.dangerously(|| whole(bundle, parts).text());
            connector.platform.upload(name, text, &delivery.entity, errand).await?;
        }
        if self.announce(1, &said).await? == 0 {
            connector.platform.report_expectation(work, None, errand).await?;
            entry.note(|progress| progress.send_up_to(1));
        }
        Ok(Review::Said(said))
    }
}

/// The objects that the broker takes, with their numbers.
fn sendable<'p>(connector: &Connector, parts: &'p [Part]) -> Vec<(u64, &'p Part)> {
    let numbered = (1..).zip(parts);
    let (sendable, too_large): (Vec<_>, Vec<_>) = numbered.partition(|(_, part)| part.text.get().len() <= ROOM);
    for (_, part) in too_large {
        let attributes = json!({ "object": part.id });
        connector.log.error("An object is larger than the broker takes and is not sent", attributes);
    }
    sendable
}

/// How many of the first objects one message holds.
fn fitting(parts: &[(u64, &Part)]) -> usize {
    let mut octets = 0;
    let fitting = parts.iter().take_while(|(_, part)| {
        octets += part.text.get().len() + 1;
        octets <= ROOM
    });
    fitting.count().max(1)
}

impl Sending<'_> {
    /// The objects that the broker takes, with their numbers; and what is said if they are sent.
    fn sendable(self, parts: &[Part], said: Said) -> (Vec<(u64, &Part)>, Said) {
        let sendable = self.entry.dangerously(|| sendable(self.connector, parts));
        let said = match parts.len() - sendable.len() {
            0 => said,
            number => said.but(&format!("{number} objects were not sent: they are larger than the broker takes")),
        };
        (sendable, said)
    }

    /// Hands all to the platform, which splits it: in bundles that are as large as the broker takes.
    async fn to_platform(self, parts: &[Part], said: Said) -> Result<Said, Refused> {
        let Sending { connector, delivery, entry, bundle, errand } = self;
        let (objects, said) = self.sendable(parts, said);
        let mut rest = &objects[..];
        while !rest.is_empty() {
            let (some, others) = rest.split_at(fitting(rest));
            let text = entry.dangerously(|| whole(bundle, some.iter().map(|(_, part)| *part)).text());
            connector.platform.push_bundle(delivery.work.as_deref(), &text, errand).await?;
            connector.metrics.bundles_sent.inc();
            rest = others;
        }
        Ok(said)
    }

    async fn to_queue(self, parts: &[Part], said: Said) -> Result<Said, Refused> {
        let Sending { connector, delivery, entry, bundle, errand } = self;
        let applicant = delivery.applicant.clone().or_else(|| connector.user());
        let (messages, said) = self.sendable(parts, said);
        let mut sent = self.announce(messages.len(), &said).await?;
        let mut wait = Duration::from_millis(100);
        // What is not sent by then is told: that is possible only before everybody stops waiting.
        let last = errand.until - TO_TELL;
        while sent < messages.len() {
            let before = sent;
            let rest = messages[before..]
                .iter()
                .map(|(number, part)| message(delivery, applicant.as_deref(), errand.draft, bundle, *number, part));
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
            connector.metrics.errors.inc();
            connector.log.warning("Unable to send bundle, retrying...", because(format!("{error:#}")));
            // The platform declares its queues when it is registered with.
            connector.again.notify_one();
            if Instant::now() + wait >= last {
                let (left, all) = (messages.len() - sent, messages.len());
                return Ok(said.but(&format!("{left} of {all} objects were not sent: {error:#}")));
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        connector.metrics.bundles_sent.inc_by(messages.len() as u64);
        connector.metrics.records_sent.inc_by(messages.len() as u64);
        let attributes = json!({ "objects": messages.len() });
        connector.log.info(&format!("{} sending bundle to queue", connector.configuration.name), attributes);
        Ok(said)
    }

    /// Announces the messages of a bundle, and gives how many of them are sent already. What was announced before the process
    /// died is not announced again; of another bundle than was announced then, as many as are not covered.
    async fn announce(self, number: usize, said: &Said) -> Result<usize, Refused> {
        let Sending { connector, delivery, entry, bundle, errand } = self;
        let turn = |progress: &mut Progress| progress.turn_to(bundle, number, said.clone());
        let Some(work) = &delivery.work else { return Ok(entry.note(turn).sent()) };
        match entry.progress() {
            Some(_) => make_sure(connector, work, entry, errand).await?,
            // Another process may have begun with it, that keeps its own journal.
            None if entry.comes_again() => {
                let tracking = connector.platform.tracking(work, errand).await?;
                entry.note(|progress| *progress = tracking.map_or_else(Progress::default, Progress::of_another));
            }
            None => {}
        }
        let progress = entry.note(turn);
        if progress.surplus() > 0 {
            let reason = "it was announced before the connector was ended, and is no longer found";
            give_up(connector, work, entry, progress.surplus(), reason, errand).await;
        }
        let (expected, more) = (progress.expected(), progress.unannounced());
        if more > 0 {
            connector.log.info("Update action expectations", json!({ "work_id": work, "expectations": more }));
            entry.note(|progress| progress.ask(more));
            let answer = connector.platform.add_expectations(work, expected, more, errand).await;
            match &answer {
                Ok(()) => drop(entry.note(Progress::agree)),
                Err(Refused::No { .. }) => drop(entry.note(|progress| progress.learn(Some(expected)))),
                // It stays unsure.
                Err(_) => {}
            }
            answer?;
        }
        Ok(progress.sent())
    }
}

/// What may have been announced is known afterwards.
pub(super) async fn make_sure(
    connector: &Connector,
    work: &str,
    entry: &Entry,
    errand: Errand<'_>,
) -> Result<(), Refused> {
    if entry.progress().is_some_and(|progress| progress.is_unsure()) {
        let tracking = connector.platform.tracking(work, errand).await?;
        entry.note(|progress| progress.learn(tracking.map(|tracking| tracking.expected)));
    }
    Ok(())
}

/// Announced objects that will not come are reported, some at once, so that the work does not wait for them.
pub(super) async fn give_up(
    connector: &Connector,
    work: &str,
    entry: &Entry,
    number: usize,
    reason: &str,
    errand: Errand<'_>,
) {
    let error = (reason, connector.configuration.name.as_str());
    let mut left = number;
    while left > 0 {
        let some = left.min(AT_ONCE);
        let reports = (0..some).map(|_| connector.platform.report_expectation(work, Some(error), errand));
        let reports = join_all(reports).await;
        let reported = reports.iter().filter(|report| report.is_ok()).count();
        entry.note(|progress| progress.give_up(reported));
        if let Some(refused) = reports.into_iter().find_map(Result::err) {
            return connector.log.error("Cannot report expectation", because(refused));
        }
        left -= some;
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
    bundle: &str,
    number: u64,
    part: &Part,
) -> Vec<u8> {
    let content = Bundle { x_opencti_seq: Some(part.sequence), ..whole(bundle, slice::from_ref(part)) };
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
