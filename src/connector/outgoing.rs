//! What is found, on its way to the platform: to the workers' queue in messages of one object, to the platform whole, to a
//! folder, or to a person who looks at it first. What is announced is what is sent.

use super::broker::LARGEST;
use super::delivery::Delivery;
use super::journal::{Entry, Progress};
use super::log::because;
use super::platform::{Errand, Refused};
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

/// What a message holds besides its object, and more.
const AROUND: usize = 16 * 1024;

/// What became of a bundle.
pub(super) enum Sent {
    /// All of it is where it was to go.
    All,
    /// A person looks at it first.
    ForReview,
    /// Not all of it, or nothing, and why.
    Not(String),
}

/// Sends the objects of one delivery.
pub(super) async fn send(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    bundle: &str,
    objects: Vec<Value>,
    errand: Errand<'_>,
) -> Result<Sent, Refused> {
    let Split { parts, left_out, dropped } = entry.dangerously(|| split(objects, true));
    for (object, key, reference) in &dropped {
        let attributes = json!({ "object": object, "key": key, "reference": reference });
        connector.log.warning("A reference leads to nothing and is not sent", attributes);
    }
    for id in &left_out {
        connector.log.warning("An object cannot be imported and is not sent", json!({ "object": id }));
    }
    let draft = match review(connector, delivery, bundle, &parts, errand).await? {
        Review::None => delivery.draft.clone(),
        Review::InDraft(draft) => Some(draft),
        Review::InWorkbench => return Ok(Sent::ForReview),
        Review::Failed(reason) => return Ok(Sent::Not(reason)),
    };
    if connector.keeps_copies() {
        copies::keep(connector, delivery, &whole(bundle, &parts), errand.until).await;
    }
    if !connector.configuration.sends_to_queue {
        return Ok(Sent::All);
    }
    if connector.configuration.pushes_by_api {
        let text = whole(bundle, &parts).text();
        connector.platform.push_bundle(delivery.work.as_deref(), &text, errand).await?;
        connector.metrics.bundles_sent.inc();
        return Ok(Sent::All);
    }
    to_queue(connector, delivery, entry, draft.as_deref(), bundle, &parts, errand).await
}

/// All objects in one bundle.
fn whole<'b>(id: &'b str, parts: &'b [Part]) -> Bundle<'b> {
    Bundle {
        kind: "bundle",
        id,
        spec_version: "2.1",
        x_opencti_seq: None,
        objects: parts.iter().map(|part| &*part.text).collect(),
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
    InWorkbench,
    Failed(String),
}

/// Where a person is to look at it first, it goes to a draft, or to the workbench: as the message says, or as connectors of the
/// platform's version do without a word.
async fn review(
    connector: &Connector,
    delivery: &Delivery,
    bundle: &str,
    parts: &[Part],
    errand: Errand<'_>,
) -> Result<Review, Refused> {
    let is_wanted = connector.configuration.validates || delivery.validation.is_forced;
    let Some(work) = delivery.work.as_deref().filter(|_| is_wanted) else { return Ok(Review::None) };
    let name = format!("{work}.json");
    let in_workbench = delivery.validation.in_workbench.unwrap_or_else(|| !connector.platform.has(DRAFTS));
    if in_workbench {
        connector.platform.upload(&name, whole(bundle, parts).text(), &delivery.entity, errand).await?;
        connector.platform.add_expectations(work, 1, errand).await?;
        connector.platform.report_expectation(work, None, errand).await?;
        return Ok(Review::InWorkbench);
    }
    if delivery.draft.is_some() {
        return Ok(Review::None);
    }
    let Some(draft) = connector.platform.add_draft(&name, &delivery.entity, errand).await? else {
        return Ok(Review::Failed("the platform made no draft".to_owned()));
    };
    if connector.platform.has("6.5.1") {
        connector.platform.add_draft_context(work, &draft, errand).await?;
    }
    Ok(Review::InDraft(draft))
}

/// The objects that the broker takes, with their numbers.
fn sendable<'p>(connector: &Connector, parts: &'p [Part]) -> Vec<(u64, &'p Part)> {
    let numbered = (1..).zip(parts);
    let (sendable, too_large): (Vec<_>, Vec<_>) = numbered.partition(|(_, part)| is_sendable(part));
    for (_, part) in too_large {
        let attributes = json!({ "object": part.id });
        connector.log.error("An object is larger than the broker takes and is not sent", attributes);
    }
    sendable
}

/// Whether the broker takes a message of it: Base64 makes four octets of three.
fn is_sendable(part: &Part) -> bool {
    part.text.get().len() / 3 * 4 + AROUND <= LARGEST
}

async fn to_queue(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    draft: Option<&str>,
    bundle: &str,
    parts: &[Part],
    errand: Errand<'_>,
) -> Result<Sent, Refused> {
    let applicant = delivery.applicant.clone().or_else(|| connector.user());
    let messages = entry.dangerously(|| sendable(connector, parts));
    let mut sent = announce(connector, delivery, entry, bundle, messages.len(), errand).await?;
    let mut wait = Duration::from_millis(100);
    // What is not sent by then is told: that is possible only before everybody stops waiting.
    let last = errand.until - TO_TELL;
    while sent < messages.len() {
        let before = sent;
        let rest = messages[before..]
            .iter()
            .map(|(number, part)| message(delivery, applicant.as_deref(), draft, bundle, *number, part));
        let certain = |more: usize| {
            sent = before + more;
            entry.note(Progress { bundle: bundle.to_owned(), announced: messages.len(), confirmed: sent });
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
            return Ok(Sent::Not(format!("{} of {} objects: {error:#}", messages.len() - sent, messages.len())));
        }
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    connector.metrics.bundles_sent.inc_by(messages.len() as u64);
    connector.metrics.records_sent.inc_by(messages.len() as u64);
    let attributes = json!({ "objects": messages.len() });
    connector.log.info(&format!("{} sending bundle to queue", connector.configuration.name), attributes);
    match messages.len() == parts.len() {
        true => Ok(Sent::All),
        false => Ok(Sent::Not(format!("{} objects are too large", parts.len() - messages.len()))),
    }
}

/// Announces the objects of a work, and gives how many are sent already. What was announced before the process died is not
/// announced again; of another bundle than was announced then, as many as are not covered.
async fn announce(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    bundle: &str,
    number: usize,
    errand: Errand<'_>,
) -> Result<usize, Refused> {
    let Some(work) = &delivery.work else { return Ok(0) };
    let before = match entry.progress() {
        Some(progress) => progress,
        // Another process may have begun with it, that keeps its own journal.
        None if entry.comes_again() => {
            let announced = connector.platform.awaited(work, errand).await?.unwrap_or(0);
            Progress { announced, ..Progress::default() }
        }
        None => Progress::default(),
    };
    let is_same = before.bundle == bundle && before.announced == number;
    let open = before.open();
    let (sent, more) = if is_same { (before.confirmed, 0) } else { (0, number.saturating_sub(open)) };
    let too_many = if is_same { 0 } else { open.saturating_sub(number) };
    let reason = "it was announced before the connector was ended, and is no longer found";
    report_missing(connector, delivery, too_many, reason).await;
    entry.note(Progress { bundle: bundle.to_owned(), announced: number, confirmed: sent });
    if more > 0 {
        connector.log.info("Update action expectations", json!({ "work_id": work, "expectations": more }));
        connector.platform.add_expectations(work, more, errand).await?;
    }
    Ok(sent)
}

/// Announced objects that will not come are reported, some at once, so that the work does not wait for them.
pub(super) async fn report_missing(connector: &Connector, delivery: &Delivery, number: usize, reason: &str) {
    let Some(work) = &delivery.work else { return };
    let errand = Errand { draft: delivery.draft.as_deref(), until: Instant::now() + Duration::from_secs(30) };
    let error = (reason, connector.configuration.name.as_str());
    let mut left = number;
    while left > 0 {
        let some = left.min(AT_ONCE);
        let reports = (0..some).map(|_| connector.platform.report_expectation(work, Some(error), errand));
        if let Some(refused) = join_all(reports).await.into_iter().find_map(Result::err) {
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
