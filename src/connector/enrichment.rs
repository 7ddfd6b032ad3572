//! One delivery, from the gate to its report. It ends in one of three ways: it is done and acknowledged, it is no message and
//! rejected, or it goes back to the queue since nobody could be told what came of it.

use super::breaker::Change;
use super::entity::Entity;
use super::expectations::{give_up, recall};
use super::graphql_error::PlatformError;
use super::journal::Entry;
use super::log::because;
use super::message::{Delivery, Fields, Malformed, Playbook};
use super::objects::{Found, Objects};
use super::platform::RequestContext;
use super::progress::WorkMessage;
use super::publish::Sending;
use super::{Connector, sandbox};
use crate::memory::Share;
use jiff::{SignedDuration, Timestamp};
use lapin::Acker;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use stixmap_engine::plan::after;
use stixmap_engine::run::{Input, OutcomeKind, Report, Run, Step};
use stixmap_engine::stix::{Observable, stix_time};
use tokio::time::{Instant, sleep, timeout_at};

/// How long reporting may take, when everything else took all the time there was.
pub(super) const TO_REPORT: Duration = Duration::from_secs(60);

/// So often a message is dealt with whose outcome the platform takes from nobody, each time as long as it is worth it.
const ROUNDS: usize = 3;

/// What is left of it for the last report, when many others are made before.
const LAST: Duration = Duration::from_secs(15);

/// How often the platform hears that a long work goes on: once in the time that it may take, at least.
const PROGRESS: Duration = Duration::from_secs(300);

/// The time that is left for sending what was found.
const TO_SEND: SignedDuration = SignedDuration::from_secs(5);

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ack {
    Done,
    NoMessage,
    Again,
}

/// A message as somebody brought it.
#[derive(Clone, Copy)]
pub(super) struct IncomingMessage<'m> {
    pub(super) body: &'m [u8],
    /// It may have come before.
    pub(super) comes_again: bool,
    /// When whoever brought it must hear what became of it, or little later.
    pub(super) until: Instant,
    /// How the broker hears of it; a worker hears by the answer to its request.
    pub(super) acker: Option<&'m Acker>,
}

impl IncomingMessage<'_> {
    /// Whether it is still with this connector: the broker gives what was with a connection that broke to whoever asks next.
    fn is_held(&self) -> bool {
        self.acker.is_none_or(Acker::usable)
    }

    /// Whether somebody else had it for so long that there is less time left than that.
    pub(super) fn is_late(&self, enough: Duration) -> bool {
        self.until.saturating_duration_since(Instant::now()) < enough
    }
}

/// What a delivery comes to.
struct DeliveryResult {
    said: WorkMessage,
    /// For a playbook: what is found, with what came.
    objects: Option<Objects>,
    /// Whether it would come to the same again.
    is_final: bool,
}

impl From<WorkMessage> for DeliveryResult {
    fn from(said: WorkMessage) -> Self {
        Self { said, objects: None, is_final: true }
    }
}

impl DeliveryResult {
    fn error(text: impl Into<String>) -> DeliveryResult {
        WorkMessage::error(text).into()
    }

    /// What another time may bring to another end, if there is one.
    fn for_now(text: impl Into<String>) -> DeliveryResult {
        DeliveryResult { is_final: false, ..DeliveryResult::error(text) }
    }
}

/// Why a delivery has no conclusion.
enum ReportFailure {
    /// The platform cannot be told: the message is needed again.
    Away(PlatformError),
    /// The platform does not want it any more.
    Unwanted(PlatformError),
    /// It is somebody else's by now, who tells it.
    Lost,
}

impl From<PlatformError> for ReportFailure {
    fn from(refused: PlatformError) -> Self {
        match refused {
            PlatformError::No { .. } if !refused.is_forbidden() => Self::Unwanted(refused),
            _ => Self::Away(refused),
        }
    }
}

/// Deals with a message.
pub(super) async fn deal(connector: &Connector, brought: IncomingMessage<'_>) -> Ack {
    let mut entry = connector.journal.entry(brought.body, brought.comes_again);
    if entry.is_concluded() {
        repeated(connector, brought.body);
        return Ack::Done;
    }
    entry.begun(async |entry: &Entry| Box::pin(deal_with(connector, entry, brought)).await).await
}

/// A message came whose like was dealt with: it is acknowledged, and nothing else is done.
pub(super) fn repeated(connector: &Connector, body: &[u8]) {
    let work = Delivery::parse(body).ok().and_then(|delivery| delivery.work);
    connector.log.info("A message that was dealt with before is acknowledged", json!({ "work_id": work }));
}

async fn deal_with(connector: &Connector, entry: &Entry, brought: IncomingMessage<'_>) -> Ack {
    let delivery = match Delivery::parse(brought.body) {
        Ok(delivery) => delivery,
        Err(malformed) => return no_message(connector, entry, malformed).await,
    };
    delivery.waited(Timestamp::now()).into_iter().for_each(|seconds| connector.metrics.waited(seconds));
    let (started, begun) = (Instant::now(), Timestamp::now());
    let mut share = connector.budget.share(brought.body.len());
    let concluded = match come_to_an_end(connector, &delivery, entry, &mut share, brought.until).await {
        Ok(conclusion) => conclude(connector, &delivery, entry, brought, begun, conclusion).await,
        Err(unconcluded) => Err(unconcluded),
    };
    connector.metrics.seconds.observe(started.elapsed().as_secs_f64());
    verdict(connector, entry, concluded)
}

/// Enriches, as long as there is time for it.
async fn come_to_an_end(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    share: &mut Share,
    until: Instant,
) -> Result<DeliveryResult, ReportFailure> {
    let started = Instant::now();
    match timeout_at(until, enrich(connector, delivery, entry, share, until)).await {
        Ok(Ok(conclusion)) => Ok(conclusion),
        Ok(Err(refused)) if refused.is_gone() && delivery.playbook.is_none() => Err(ReportFailure::Unwanted(refused)),
        Ok(Err(PlatformError::No { message, .. })) => {
            Ok(DeliveryResult::error(format!("the platform refuses: {message}")))
        }
        // It is there, and cannot do what is needed.
        Ok(Err(refused @ (PlatformError::Unanswered(_) | PlatformError::Failed(_)))) => {
            Ok(DeliveryResult::for_now(refused.to_string()))
        }
        Ok(Err(refused)) => Err(ReportFailure::Away(refused)),
        Err(_) => {
            let limit = started.elapsed().as_secs();
            Ok(DeliveryResult::for_now(format!("it was not done within {limit} seconds")))
        }
    }
}

/// What is to be said of a delivery of which all was sent.
fn ended(entry: &Entry) -> Option<WorkMessage> {
    entry.progress()?.ended().cloned()
}

/// A delivery whose work panicked is reported in error: trying it again would end the same way.
pub(super) async fn broken(connector: &Connector, brought: IncomingMessage<'_>) -> Ack {
    let entry = connector.journal.entry(brought.body, false);
    let delivery = match Delivery::parse(brought.body) {
        Ok(delivery) => delivery,
        Err(malformed) => return no_message(connector, &entry, malformed).await,
    };
    let conclusion = DeliveryResult::error("the connector has a fault: the delivery broke off");
    let concluded = conclude(connector, &delivery, &entry, brought, Timestamp::now(), conclusion).await;
    verdict(connector, &entry, concluded)
}

fn verdict(connector: &Connector, entry: &Entry, concluded: Result<(), ReportFailure>) -> Ack {
    if let Err(unconcluded) = concluded
        && let Some(verdict) = untold(connector, entry, unconcluded)
    {
        return verdict;
    }
    entry.conclude();
    Ack::Done
}

/// What becomes of a message, if something does, of which nobody could be told.
fn untold(connector: &Connector, entry: &Entry, unconcluded: ReportFailure) -> Option<Ack> {
    match unconcluded {
        ReportFailure::Unwanted(refused) if refused.is_gone() => {
            connector.log.warning("The work is no longer wanted", because(refused));
            None
        }
        ReportFailure::Unwanted(refused) => {
            connector.log.error("Failing reporting the processing", because(refused));
            None
        }
        ReportFailure::Away(refused) => {
            let is_for_ever = matches!(refused, PlatformError::Failed(_)) && entry.strike() >= ROUNDS;
            connector.log.error("Failing reporting the processing", because(refused));
            // It would keep the place of others.
            (!is_for_ever).then_some(Ack::Again)
        }
        ReportFailure::Lost => Some(Ack::Again),
    }
}

async fn no_message(connector: &Connector, entry: &Entry, malformed: Malformed) -> Ack {
    connector.metrics.errors.inc();
    connector.log.error("A message is rejected", because(&malformed.reason));
    if let Some(work) = &malformed.work {
        let errand = RequestContext::new(None, Instant::now() + TO_REPORT);
        let text = format!("the message cannot be read: {}", malformed.reason);
        if let Err(unconcluded) = connector.platform.to_processed(work, &text, true, errand).await.map_err(Into::into) {
            return untold(connector, entry, unconcluded).unwrap_or(Ack::NoMessage);
        }
    }
    Ack::NoMessage
}

/// Says what came of it: to the work, or to the playbook that waits. Each is told once, by who has the message.
async fn conclude(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    brought: IncomingMessage<'_>,
    begun: Timestamp,
    conclusion: DeliveryResult,
) -> Result<(), ReportFailure> {
    // A draft may have been closed meanwhile, and is nothing to a work.
    let errand = RequestContext::new(None, Instant::now() + TO_REPORT);
    let DeliveryResult { said, objects, is_final } = conclusion;
    if delivery.work.is_none() {
        log(connector, &said);
    }
    if let Some(playbook) = &delivery.playbook {
        let bundle = entry.answer().unwrap_or_else(|| entry.dangerously(|| answered(playbook, objects)));
        let told = match brought.is_held() {
            true => answer(connector, playbook, begun, &bundle, errand).await.map_err(Into::into),
            false => Err(ReportFailure::Lost),
        };
        if is_final && matches!(told, Err(ReportFailure::Away(_) | ReportFailure::Lost)) {
            entry.keep_answer(&bundle);
        }
        told?;
    }
    if let Some(work) = &delivery.work {
        recall(connector, delivery, entry, errand).await?;
        // What was sent to its end is told as sent, whatever came after it; also where the message is with nobody now.
        let delivered = ended(entry);
        let is_delivered = delivered.as_ref().is_some_and(|said| !said.in_error);
        let said = delivered.unwrap_or(said);
        // What was not sent may be another time, if there is one.
        if is_final && entry.progress().is_none_or(|progress| progress.left() == 0) {
            entry.note(|progress| progress.end(said.clone()));
        }
        if !brought.is_held() && !is_delivered {
            return Err(ReportFailure::Lost);
        }
        log(connector, &said);
        // Announced objects that will not come are reported, so that the work does not wait for them.
        let open = entry.progress().map_or(0, |progress| progress.open());
        give_up(connector, work, entry, open, Some(&said.text), RequestContext::new(None, errand.until - LAST)).await;
        connector.log.info("Reporting work update_processed", json!({ "work_id": work }));
        connector.platform.to_processed(work, &said.text, said.in_error, errand).await?;
    }
    Ok(())
}

/// Answers a playbook's step; with what came alone, where the platform does not take more.
async fn answer(
    connector: &Connector,
    playbook: &Playbook,
    begun: Timestamp,
    bundle: &str,
    errand: RequestContext<'_>,
) -> Result<(), PlatformError> {
    connector.log.info("Executing playbook step", json!({ "step": playbook.step.get("step_id") }));
    let told = match connector.platform.answer_playbook(step(playbook, begun, bundle), errand).await {
        Err(refused) if refused.is_about_the_body() && bundle != playbook.bundle => {
            connector.log.error("A playbook's step goes on with what came alone", because(refused));
            connector.platform.answer_playbook(step(playbook, begun, &playbook.bundle), errand).await
        }
        told => told,
    };
    if let Some(reason) = told? {
        connector.log.error("The platform may not have a playbook's step, which is answered once", because(reason));
    }
    Ok(())
}

fn log(connector: &Connector, said: &WorkMessage) {
    if said.in_error {
        connector.metrics.errors.inc();
        connector.log.error("Error in message processing, reporting error to API", because(&said.text));
    } else {
        connector.log.info("Message processed", json!({ "message": said.text }));
    }
}

/// What a playbook's step goes on with: what came, and what was found.
fn answered(playbook: &Playbook, objects: Option<Objects>) -> String {
    let Some(objects) = objects else { return playbook.bundle.clone() };
    let objects = to_raw_value(&objects).expect("objects are JSON");
    let mut bundle: Fields<'_> = serde_json::from_str(&playbook.bundle).expect("it was read before");
    bundle.insert("objects".to_owned(), &objects);
    serde_json::to_string(&bundle).expect("a bundle is JSON")
}

/// The answer to a playbook's step, as the platform wants it.
fn step(playbook: &Playbook, begun: Timestamp, bundle: &str) -> Map<String, Value> {
    let begun = format!("{begun:.0}").replace('Z', "+00:00");
    let told = [("execution_start", &*begun), ("previous_bundle", &*playbook.bundle), ("bundle", bundle)];
    let step = playbook.step.clone().into_iter();
    step.chain(told.map(|(key, text)| (key.to_owned(), Value::from(text)))).collect()
}

/// The enrichment itself: nothing is asked of the provider before scope and marking allow it.
async fn enrich(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    share: &mut Share,
    until: Instant,
) -> Result<DeliveryResult, PlatformError> {
    let errand = RequestContext::new(delivery.draft.as_deref(), until);
    if delivery.playbook.is_some() && entry.answer().is_some() {
        let text = "it was done before, and the playbook could not be answered".to_owned();
        return Ok(WorkMessage { text, in_error: false }.into());
    }
    if let Some(work) = &delivery.work {
        recall(connector, delivery, entry, errand).await?;
        // All was done before, and only the platform could not be told.
        if let Some(said) = ended(entry) {
            return Ok(said.into());
        }
        entry.owe(work);
        connector.log.info("Reporting work update_received", json!({ "work_id": work }));
        connector.platform.to_received(work, "Connector ready to process the operation", errand).await?;
    }
    if entry.is_deadly() {
        return Ok(DeliveryResult::error(
            "the provider's answer ended the connector again and again, and is not read any more",
        ));
    }
    let entity = match entity(connector, delivery, entry, errand).await? {
        Ok(entity) => entity,
        Err(reason) => return Ok(DeliveryResult::error(reason)),
    };
    let Some(report) = ask(connector, delivery, &entity, entry, share, until).await else {
        return Ok(DeliveryResult::error("the provider's answer ends the connector, and is not read again"));
    };
    let kind = report.outcome.kind;
    let in_error = !matches!(kind, OutcomeKind::Ok | OutcomeKind::Empty);
    let said = WorkMessage { text: words(connector, &report), in_error };
    if in_error && kind != OutcomeKind::Refused {
        connector.metrics.client_errors.inc();
    }
    if report.bundle.relationships().next().is_none() {
        return Ok(said.into());
    }
    let Report { bundle, .. } = report;
    let id = bundle.id().to_string();
    let objects = entry.dangerously(|| Objects::enriched(entity, Found::Bundle(Box::new(bundle))));
    if delivery.playbook.is_some() {
        return Ok(DeliveryResult { objects: Some(objects), ..said.into() });
    }
    let sending = Sending { connector, delivery, entry, bundle: &id, errand };
    Ok(sending.send(objects, said).await?.into())
}

/// What is to be enriched; or why it is not.
async fn entity(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    errand: RequestContext<'_>,
) -> Result<Result<Entity, String>, PlatformError> {
    let (name, kind) = (&connector.plan.name, delivery.kind());
    let is_in_scope =
        connector.configuration.kinds.iter().any(|known| {
            known.entity_type().eq_ignore_ascii_case(kind) || known.stix_type().eq_ignore_ascii_case(kind)
        });
    if !is_in_scope {
        return Ok(Err(format!("{kind} is out of scope: {name} is not asked about it")));
    }
    let told = match connector.platform.entity(&delivery.entity, errand).await {
        Ok(Some(told)) => told,
        Ok(None) => {
            return Ok(Err("Unable to read/access the entity, please check the connector permissions".to_owned()));
        }
        Err(PlatformError::No { message, .. }) => return Ok(Err(message)),
        Err(refused) => return Err(refused),
    };
    let read = || {
        let bundle = delivery.playbook.as_ref().map(Playbook::read).transpose()?;
        Entity::read(&told, bundle.as_ref(), &delivery.content)
    };
    Ok(entry.dangerously(read).map_err(|reason| format!("the entity cannot be enriched: {reason}")))
}

/// Asks the provider, and says now and then that the work goes on. Gives nothing if the answer is deadly.
async fn ask(
    connector: &Connector,
    delivery: &Delivery,
    entity: &Entity,
    entry: &Entry,
    share: &mut Share,
    until: Instant,
) -> Option<Report> {
    connector.metrics.runs.inc();
    let now = Timestamp::now();
    let left =
        SignedDuration::try_from(until.saturating_duration_since(Instant::now())).unwrap_or(SignedDuration::ZERO);
    let to_ask = (left - TO_SEND).max(left / 2);
    let input = Input {
        observable: entity.observable.clone(),
        markings: entity.markings.evidence.clone(),
        settings: connector.settings.clone(),
        deadline: after(now, to_ask),
        seed: u64::from(now.subsec_nanosecond().unsigned_abs()),
        trace: false,
    };
    let run = Run::new(&connector.plan, Arc::clone(&connector.account), input, now);
    let last = Instant::now() + Duration::try_from(to_ask).unwrap_or(Duration::ZERO);
    let mut asking = std::pin::pin!(drive(connector, &entity.observable, run, entry, last, share));
    let pause = PROGRESS.min(connector.configuration.patience / 2);
    let report = loop {
        tokio::select! {
            report = &mut asking => break report?,
            () = sleep(pause) => progress(connector, delivery, until).await,
        }
    };
    connector.metrics.ended(report.outcome.kind.as_str(), &report.counts);
    connector.metrics.quota(connector.account.remaining(), report.outcome.until);
    for diagnostic in &report.diagnostics {
        connector.log.warning("The provider's answer and the profile disagree", because(diagnostic));
    }
    Some(report)
}

async fn progress(connector: &Connector, delivery: &Delivery, until: Instant) {
    let Some(work) = &delivery.work else { return };
    // It only tells that the work goes on; the next one may reach the platform.
    let errand = RequestContext::new(None, until.min(Instant::now() + Duration::from_secs(5)));
    if let Err(refused) = connector.platform.ping_work(work, errand).await {
        connector.log.warning("Error pinging the work", because(refused));
    }
}

/// Asks whatever the run wants to know, as long as the provider may be asked; gives nothing if an answer is deadly.
async fn drive(
    connector: &Connector,
    observable: &Observable,
    mut run: Run<'_>,
    entry: &Entry,
    last: Instant,
    share: &mut Share,
) -> Option<Report> {
    loop {
        match run.next(Timestamp::now()) {
            Step::Done => return Some(entry.dangerously(|| run.finish())),
            Step::Wait(until) => {
                let wait = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
                sleep(wait).await;
            }
            Step::Send(request) => {
                let lookup = run.asking().map_or_else(String::new, |(lookup, _)| lookup.to_owned());
                let breaker = connector.breakers.of(&lookup);
                let permit = match breaker.enter(last).await {
                    Ok(permit) => permit,
                    Err(reason) => return Some(entry.dangerously(|| run.break_off(reason))),
                };
                share.begin(run.is_at_last_request());
                let answer = crate::http::send(&connector.client, &request, share).await;
                share.settle();
                let status = answer.as_ref().map_or_else(|_| "none".to_owned(), |answer| answer.status.to_string());
                connector.metrics.asked(&status);
                let asked = json!({ "method": request.method, "url": request.url.to_string(), "status": status });
                connector.log.debug("Asked the provider", asked);
                if entry.is_suspect()
                    && let (Ok(answer), Some((lookup, each))) = (&answer, run.asking())
                    && entry.apart(sandbox::kills(connector, observable, lookup, each, &answer.body)).await
                {
                    return None;
                }
                // Mapping a large answer takes a while: other deliveries are served by the other threads meanwhile.
                let accept = || entry.dangerously(|| run.accept(answer, Timestamp::now()));
                let health = tokio::task::block_in_place(accept);
                permit.learn(health).into_iter().for_each(|change| tell(connector, &lookup, change));
            }
        }
    }
}

/// The provider fails, or works again: said once.
fn tell(connector: &Connector, lookup: &str, change: Change) {
    let attributes = |reason, until| json!({ "lookup": lookup, "reason": reason, "until": stix_time(until) });
    match change {
        Change::Opened { reason, until } => {
            connector.metrics.circuit(true);
            let message = "The provider fails again and again: it is tried now and then, and not asked otherwise";
            connector.log.danger(message, attributes(reason, until));
        }
        Change::StaysOpen { reason, until } => {
            connector.log.debug("The provider still fails", attributes(reason, until));
        }
        Change::Closed => {
            connector.metrics.circuit(false);
            let attributes = json!({ "lookup": lookup });
            connector.log.relief("The provider works again, and is asked as before", attributes);
        }
    }
}

/// What came of it, for an analyst.
fn words(connector: &Connector, report: &Report) -> String {
    let found = report.bundle.relationships().count();
    let plural = if found == 1 { "" } else { "s" };
    format!("{}: {} · {} · {found} relationship{plural}", connector.plan.name, report.outcome, report.counts)
}
