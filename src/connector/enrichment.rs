//! Processes one delivery: parse, enrich, publish, report. The delivery is then acknowledged, rejected because it is malformed,
//! or requeued because the result could not be reported to the platform.

use super::acknowledgement::{Disposition, ReportFailure, disposition, reject};
use super::breaker::Change;
use super::entity::Entity;
use super::expectations::{reconcile, report_missing};
use super::graphql_error::PlatformError;
use super::instance::Connector;
use super::journal::Entry;
use super::json::parse_fields;
use super::log::with_reason;
use super::message::{Delivery, Playbook};
use super::objects::{Found, Objects};
use super::platform::{RequestContext, TO_REPORT};
use super::publisher::Publisher;
use super::sandbox;
use super::work_counters::WorkMessage;
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

/// Part of `TO_REPORT` that is reserved for `to_processed`, after the reports of expectations that are given up.
const RESERVED: Duration = Duration::from_secs(15);

/// Maximum interval between two pings of a work; half the time limit of a delivery, if that is less.
const PING: Duration = Duration::from_secs(300);

/// Time that is reserved for publishing the result.
const TO_PUBLISH: SignedDuration = SignedDuration::from_secs(5);

/// A message as it arrived, from the broker or by the callback.
#[derive(Clone, Copy)]
pub(super) struct IncomingMessage<'m> {
    pub(super) body: &'m [u8],
    /// Whether it may have been delivered before.
    pub(super) is_redelivered: bool,
    /// When processing must end; the report may take `TO_REPORT` longer.
    pub(super) until: Instant,
    /// Acknowledges the delivery at the broker; none for the callback, which is answered by an HTTP response.
    pub(super) acker: Option<&'m Acker>,
}

impl IncomingMessage<'_> {
    /// Returns whether this connector still owns the delivery: the broker requeues the deliveries of a closed connection.
    fn is_held(&self) -> bool {
        self.acker.is_none_or(Acker::usable)
    }

    /// Returns whether less than `needed` is left, because another delivery of the same message was processed first.
    pub(super) fn is_late(&self, needed: Duration) -> bool {
        self.until.saturating_duration_since(Instant::now()) < needed
    }
}

/// Result of a delivery, to be reported.
struct DeliveryResult {
    message: WorkMessage,
    /// For a playbook: the objects of its bundle and those that were found.
    objects: Option<Objects>,
    /// Whether another attempt would have the same result.
    is_final: bool,
}

impl From<WorkMessage> for DeliveryResult {
    fn from(message: WorkMessage) -> Self {
        Self { message, objects: None, is_final: true }
    }
}

impl DeliveryResult {
    fn error(text: impl Into<String>) -> DeliveryResult {
        WorkMessage::error(text).into()
    }

    /// An error that another attempt may not have.
    fn transient(text: impl Into<String>) -> DeliveryResult {
        DeliveryResult { is_final: false, ..DeliveryResult::error(text) }
    }
}

/// Processes a message, unless the journal says that it was reported before.
pub(super) async fn handle(connector: &Connector, incoming: IncomingMessage<'_>) -> Disposition {
    let mut entry = connector.journal.entry(incoming.body, incoming.is_redelivered);
    if entry.is_reported() {
        log_duplicate(connector, incoming.body);
        return Disposition::Acknowledge;
    }
    entry.track(async |entry: &Entry| Box::pin(process(connector, entry, incoming)).await).await
}

/// Logs that a message was reported before and is only acknowledged.
pub(super) fn log_duplicate(connector: &Connector, body: &[u8]) {
    let work = Delivery::parse(body).ok().and_then(|delivery| delivery.work);
    connector.log.info("Acknowledged duplicate message", json!({ "work_id": work }));
}

async fn process(connector: &Connector, entry: &Entry, incoming: IncomingMessage<'_>) -> Disposition {
    let delivery = match Delivery::parse(incoming.body) {
        Ok(delivery) => delivery,
        Err(malformed) => return reject(connector, entry, malformed).await,
    };
    delivery.waited(Timestamp::now()).into_iter().for_each(|seconds| connector.metrics.waited(seconds));
    let (started, started_at) = (Instant::now(), Timestamp::now());
    let mut share = connector.budget.share(incoming.body.len());
    let reported = match enrich_until_deadline(connector, &delivery, entry, &mut share, incoming.until).await {
        Ok(result) => report_result(connector, &delivery, entry, incoming, started_at, result).await,
        Err(failure) => Err(failure),
    };
    connector.metrics.seconds.observe(started.elapsed().as_secs_f64());
    disposition(connector, entry, reported)
}

/// Enriches until the deadline; then the result is an error.
async fn enrich_until_deadline(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    share: &mut Share,
    until: Instant,
) -> Result<DeliveryResult, ReportFailure> {
    let started = Instant::now();
    match timeout_at(until, enrich(connector, delivery, entry, share, until)).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) if error.is_gone() && delivery.playbook.is_none() => Err(ReportFailure::Rejected(error)),
        Ok(Err(PlatformError::Rejected { message, .. })) => {
            Ok(DeliveryResult::error(format!("rejected by the platform: {message}")))
        }
        // The platform is reachable, but failed to process the request.
        Ok(Err(error @ (PlatformError::NoResponse(_) | PlatformError::Failed(_)))) => {
            Ok(DeliveryResult::transient(error.to_string()))
        }
        Ok(Err(error)) => Err(ReportFailure::Unavailable(error)),
        Err(_) => {
            let limit = started.elapsed().as_secs();
            Ok(DeliveryResult::transient(format!("not finished within {limit} seconds")))
        }
    }
}

/// Returns the final message of a delivery whose messages were all published.
fn published(entry: &Entry) -> Option<WorkMessage> {
    entry.progress()?.finished().cloned()
}

/// Reports a delivery that panicked as an error: another attempt would panic too.
pub(super) async fn report_panic(connector: &Connector, incoming: IncomingMessage<'_>) -> Disposition {
    let entry = connector.journal.entry(incoming.body, false);
    let delivery = match Delivery::parse(incoming.body) {
        Ok(delivery) => delivery,
        Err(malformed) => return reject(connector, &entry, malformed).await,
    };
    let result = DeliveryResult::error("internal error in the connector");
    let reported = report_result(connector, &delivery, &entry, incoming, Timestamp::now(), result).await;
    disposition(connector, &entry, reported)
}

/// Reports the result to the work and answers the playbook, once each and only while this connector owns the delivery.
async fn report_result(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    incoming: IncomingMessage<'_>,
    started_at: Timestamp,
    result: DeliveryResult,
) -> Result<(), ReportFailure> {
    // Works do not belong to a draft, which may have been closed meanwhile.
    let context = RequestContext::new(None, Instant::now() + TO_REPORT);
    let DeliveryResult { message, objects, is_final } = result;
    if delivery.work.is_none() {
        log(connector, &message);
    }
    if let Some(playbook) = &delivery.playbook {
        let bundle = entry.answer().unwrap_or_else(|| entry.guarded(|| playbook_bundle(playbook, objects)));
        let answered = match incoming.is_held() {
            true => answer_playbook(connector, playbook, started_at, &bundle, context).await.map_err(Into::into),
            false => Err(ReportFailure::Lost),
        };
        if is_final && matches!(answered, Err(ReportFailure::Unavailable(_) | ReportFailure::Lost)) {
            entry.keep_answer(&bundle);
        }
        answered?;
    }
    if let Some(work) = &delivery.work {
        reconcile(connector, delivery, entry, context).await?;
        // Complete publishing is reported as success, whatever failed later, even if the delivery was requeued.
        let published = published(entry);
        let is_published = published.as_ref().is_some_and(|message| !message.in_error);
        let message = published.unwrap_or(message);
        // Another attempt may publish what is missing.
        if is_final && entry.progress().is_none_or(|progress| progress.left() == 0) {
            entry.update(|progress| progress.finish(message.clone()));
        }
        if !incoming.is_held() && !is_published {
            return Err(ReportFailure::Lost);
        }
        log(connector, &message);
        // The work would wait for expected objects that are never published.
        let open = entry.progress().map_or(0, |progress| progress.open());
        report_missing(
            connector,
            work,
            entry,
            open,
            Some(&message.text),
            RequestContext::new(None, context.until - RESERVED),
        )
        .await;
        connector.log.info("Reporting work update_processed", json!({ "work_id": work }));
        connector.platform.to_processed(work, &message.text, message.in_error, context).await?;
    }
    Ok(())
}

/// Answers a playbook step with the enriched bundle, or with the original one if the platform rejects that.
async fn answer_playbook(
    connector: &Connector,
    playbook: &Playbook,
    started_at: Timestamp,
    bundle: &str,
    context: RequestContext<'_>,
) -> Result<(), PlatformError> {
    connector.log.info("Executing playbook step", json!({ "step": playbook.step.get("step_id") }));
    let answered = match connector.platform.answer_playbook(step_result(playbook, started_at, bundle), context).await {
        Err(error) if error.is_request_rejected() && bundle != playbook.bundle => {
            connector.log.error("Playbook step continues with the original bundle", with_reason(error));
            connector.platform.answer_playbook(step_result(playbook, started_at, &playbook.bundle), context).await
        }
        answered => answered,
    };
    if let Some(reason) = answered? {
        connector.log.error("Playbook answer may be lost; it is not sent twice", with_reason(reason));
    }
    Ok(())
}

fn log(connector: &Connector, message: &WorkMessage) {
    if message.in_error {
        connector.metrics.errors.inc();
        connector.log.error("Error in message processing, reporting error to API", with_reason(&message.text));
    } else {
        connector.log.info("Message processed", json!({ "message": message.text }));
    }
}

/// Returns the bundle that a playbook continues with: its own objects, then those that were found.
fn playbook_bundle(playbook: &Playbook, objects: Option<Objects>) -> String {
    let Some(objects) = objects else { return playbook.bundle.clone() };
    let objects = to_raw_value(&objects).expect("objects are JSON");
    let mut bundle = parse_fields(playbook.bundle.as_bytes()).expect("it was parsed before");
    bundle.insert("objects".to_owned(), &objects);
    serde_json::to_string(&bundle).expect("a bundle is JSON")
}

/// Returns the arguments of `playbookStepExecution`.
fn step_result(playbook: &Playbook, started_at: Timestamp, bundle: &str) -> Map<String, Value> {
    let started_at = format!("{started_at:.0}").replace('Z', "+00:00");
    let results = [("execution_start", &*started_at), ("previous_bundle", &*playbook.bundle), ("bundle", bundle)];
    let step = playbook.step.clone().into_iter();
    step.chain(results.map(|(key, text)| (key.to_owned(), Value::from(text)))).collect()
}

/// Enriches one entity. No request is sent to the provider unless scope and markings permit it.
async fn enrich(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    share: &mut Share,
    until: Instant,
) -> Result<DeliveryResult, PlatformError> {
    let context = RequestContext::new(delivery.draft.as_deref(), until);
    if delivery.playbook.is_some() && entry.answer().is_some() {
        let text = "already processed; the playbook is answered again".to_owned();
        return Ok(WorkMessage { text, in_error: false }.into());
    }
    if let Some(work) = &delivery.work {
        reconcile(connector, delivery, entry, context).await?;
        // Everything was published before; only the report is missing.
        if let Some(message) = published(entry) {
            return Ok(message.into());
        }
        entry.register_work(work);
        connector.log.info("Reporting work update_received", json!({ "work_id": work }));
        connector.platform.to_received(work, "Connector ready to process the operation", context).await?;
    }
    if entry.is_fatal() {
        return Ok(DeliveryResult::error(
            "the provider's response crashed the connector repeatedly and is no longer read",
        ));
    }
    let entity = match entity(connector, delivery, entry, context).await? {
        Ok(entity) => entity,
        Err(reason) => return Ok(DeliveryResult::error(reason)),
    };
    let Some(report) = query_provider(connector, delivery, &entity, entry, share, until).await else {
        return Ok(DeliveryResult::error("the provider's response crashes the connector and is not read"));
    };
    let kind = report.outcome.kind;
    let in_error = !matches!(kind, OutcomeKind::Ok | OutcomeKind::Empty);
    let message = WorkMessage { text: summary(connector, &report), in_error };
    if in_error && kind != OutcomeKind::Refused {
        connector.metrics.client_errors.inc();
    }
    if report.bundle.relationships().next().is_none() {
        return Ok(message.into());
    }
    let Report { bundle, .. } = report;
    let id = bundle.id().to_string();
    let objects = entry.guarded(|| Objects::enriched(entity, Found::Bundle(Box::new(bundle))));
    if delivery.playbook.is_some() {
        return Ok(DeliveryResult { objects: Some(objects), ..message.into() });
    }
    let publisher = Publisher { connector, delivery, entry, bundle: &id, context };
    Ok(publisher.publish(objects, message).await?.into())
}

/// Fetches and parses the entity; the inner error says why it cannot be enriched.
async fn entity(
    connector: &Connector,
    delivery: &Delivery,
    entry: &Entry,
    context: RequestContext<'_>,
) -> Result<Result<Entity, String>, PlatformError> {
    let (name, kind) = (&connector.plan.name, delivery.kind());
    let is_in_scope =
        connector.configuration.kinds.iter().any(|known| {
            known.entity_type().eq_ignore_ascii_case(kind) || known.stix_type().eq_ignore_ascii_case(kind)
        });
    if !is_in_scope {
        return Ok(Err(format!("entity type `{kind}` is out of scope for {name}")));
    }
    let response = match connector.platform.entity(&delivery.entity, context).await {
        Ok(Some(entity)) => entity,
        Ok(None) => {
            return Ok(Err("Unable to read/access the entity, please check the connector permissions".to_owned()));
        }
        Err(PlatformError::Rejected { message, .. }) => return Ok(Err(message)),
        Err(error) => return Err(error),
    };
    let read = || {
        let bundle = delivery.playbook.as_ref().map(Playbook::read).transpose()?;
        Entity::read(&delivery.entity, &response, bundle.as_ref(), &delivery.content)
    };
    Ok(entry.guarded(read).map_err(|reason| format!("invalid entity: {reason}")))
}

/// Runs the lookups and pings the work meanwhile. Returns none if a response crashes the connector.
async fn query_provider(
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
    let query_time = (left - TO_PUBLISH).max(left / 2);
    let input = Input {
        observable: entity.observable.clone(),
        markings: entity.markings.evidence.clone(),
        settings: connector.settings.clone(),
        deadline: after(now, query_time),
        seed: u64::from(now.subsec_nanosecond().unsigned_abs()),
        trace: false,
    };
    let deadline = Instant::now() + Duration::try_from(query_time).unwrap_or(Duration::ZERO);
    let run = Run::new(&connector.plan, Arc::clone(&connector.account), input, now);
    let run = run.interrupted_by(move || Instant::now() >= deadline);
    let mut running = std::pin::pin!(drive(connector, &entity.observable, run, entry, deadline, share));
    let pause = PING.min(connector.configuration.delivery_timeout / 2);
    let report = loop {
        tokio::select! {
            report = &mut running => break report?,
            () = sleep(pause) => ping_work(connector, delivery, until).await,
        }
    };
    connector.metrics.ended(report.outcome.kind.as_str(), &report.counts);
    connector.metrics.quota(connector.account.remaining(), report.outcome.until);
    for diagnostic in &report.diagnostics {
        connector.log.warning("Response does not match the profile", with_reason(diagnostic));
    }
    Some(report)
}

async fn ping_work(connector: &Connector, delivery: &Delivery, until: Instant) {
    let Some(work) = &delivery.work else { return };
    // A lost ping does no harm: the next one may arrive.
    let context = RequestContext::new(None, until.min(Instant::now() + Duration::from_secs(5)));
    if let Err(error) = connector.platform.ping_work(work, context).await {
        connector.log.warning("Error pinging the work", with_reason(error));
    }
}

/// Drives a run: sends its requests through the circuit breaker and waits. Returns none if a response crashes the connector.
async fn drive(
    connector: &Connector,
    observable: &Observable,
    mut run: Run<'_>,
    entry: &Entry,
    deadline: Instant,
    share: &mut Share,
) -> Option<Report> {
    loop {
        match run.next(Timestamp::now()) {
            Step::Done => return Some(entry.guarded(|| run.finish())),
            Step::Wait(until) => {
                let wait = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
                sleep(wait).await;
            }
            Step::Send(request) => {
                let lookup = run.current_lookup().map_or_else(String::new, |(lookup, _)| lookup.to_owned());
                let breaker = connector.breakers.of(&lookup);
                let permit = match breaker.enter(deadline).await {
                    Ok(permit) => permit,
                    Err(reason) => return Some(entry.guarded(|| run.abort(reason))),
                };
                share.begin(run.is_at_last_request());
                let response = crate::http::send(&connector.client, &request, share).await;
                share.settle();
                let status =
                    response.as_ref().map_or_else(|_| "none".to_owned(), |response| response.status.to_string());
                connector.metrics.asked(&status);
                let attributes = json!({ "method": request.method, "url": request.url.to_string(), "status": status });
                connector.log.debug("Sent provider request", attributes);
                if entry.is_suspect()
                    && let (Ok(response), Some((lookup, each))) = (&response, run.current_lookup())
                    && entry.sandboxed(sandbox::crashes(connector, observable, lookup, each, &response.body)).await
                {
                    return None;
                }
                // Mapping a large response takes long: the other worker threads take over this one's tasks.
                let accept = || entry.guarded(|| run.accept(response, Timestamp::now()));
                let health = tokio::task::block_in_place(accept);
                permit.record(health).into_iter().for_each(|change| log_change(connector, &lookup, change));
            }
        }
    }
}

/// Logs a change of the circuit breaker's state, once.
fn log_change(connector: &Connector, lookup: &str, change: Change) {
    let attributes = |reason, until| json!({ "lookup": lookup, "reason": reason, "until": stix_time(until) });
    match change {
        Change::Opened { reason, until } => {
            connector.metrics.circuit(true);
            let message = "Provider circuit opened; requests are suspended until a probe succeeds";
            connector.log.warn_always(message, attributes(reason, until));
        }
        Change::StaysOpen { reason, until } => {
            connector.log.debug("Provider probe failed", attributes(reason, until));
        }
        Change::Closed => {
            connector.metrics.circuit(false);
            let attributes = json!({ "lookup": lookup });
            connector.log.info_always("Provider circuit closed; requests resume", attributes);
        }
    }
}

/// Returns the work message that an analyst reads: outcome, counts and number of relationships.
fn summary(connector: &Connector, report: &Report) -> String {
    let found = report.bundle.relationships().count();
    let plural = if found == 1 { "" } else { "s" };
    format!("{}: {} · {} · {found} relationship{plural}", connector.plan.name, report.outcome, report.counts)
}
