//! Mock OpenCTI platform: a GraphQL server on loopback with the schema of one version; state of connectors, works,
//! playbooks and drafts; queues on a real broker; and a worker that imports pushed bundles. It records all operations
//! in order, and fails as a test requires.

use super::entity::Entity;
use super::graphql::{Interface, Refusal, parts};
use super::queues::{LISTEN_EXCHANGE, PUSH_EXCHANGE, Queues};
use super::rabbit::{Broker, PASSWORD, USER};
use super::wait::Busy;
use super::{runtime, soon};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use lapin::message::Delivery;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) const TOKEN: &str = "d434ce02-e58e-4cac-8b4c-42bf16748e84";
pub(crate) const NEWEST: &str = "7.261103.0";
/// One version per stage of the API.
pub(crate) const VERSIONS: [&str; 5] = ["6.0.10", "6.4.11", "6.9.29", "7.260224.0", NEWEST];
/// OpenCTI user id of the connector.
pub(crate) const CONNECTOR_USER: &str = "88ec0c6a-13ce-5e39-b486-354fe4a7084f";

/// An action of the connector.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Asked(Operation),
    Pushed(Raw),
    /// Status of the response to a message sent over HTTP.
    Answered(u16),
}

/// A requested root field, such as `registerConnector` or `workEdit.toReceived`.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) arguments: Value,
    pub(crate) draft: Option<String>,
    pub(crate) applicant: Option<String>,
}

/// A message in a push queue, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    pub(crate) message: Value,
    pub(crate) bundle: Value,
    pub(crate) is_persistent: bool,
    pub(crate) encoding: Option<String>,
}

/// A message in a push queue, decoded only if a test reads it.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    message: Vec<u8>,
    is_persistent: bool,
    encoding: Option<String>,
}

impl Raw {
    fn read(self) -> Push {
        let message: Value = serde_json::from_slice(&self.message).expect("what is pushed is JSON");
        let content = message["content"].as_str().expect("content is text");
        let content = BASE64_STANDARD.decode(content).expect("base64");
        let bundle = serde_json::from_slice(&content).expect("content is JSON");
        Push { message, bundle, is_persistent: self.is_persistent, encoding: self.encoding }
    }
}

/// The fields of a message that a worker reads.
#[derive(Deserialize)]
struct Order<'m> {
    content: &'m str,
    work_id: Option<&'m str>,
    #[serde(default)]
    no_split: bool,
}

#[derive(Deserialize)]
struct Content {
    objects: Vec<Value>,
}

#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) input: Value,
    pub(crate) state: Option<String>,
    is_reset: bool,
    pub(crate) info: Value,
    pub(crate) pings: usize,
    pub(crate) registrations: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Wait,
    Progress,
    Complete,
}

/// State of an enrichment.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) status: Status,
    pub(crate) received: Vec<String>,
    /// Message and `inError` of each final report.
    pub(crate) reports: Vec<(String, bool)>,
    pub(crate) errors: Vec<String>,
    pub(crate) expected: i64,
    pub(crate) processed: i64,
    pub(crate) draft: Option<String>,
    /// Imported objects in order.
    pub(crate) objects: Vec<Value>,
    /// Time of the first completion.
    #[allow(dead_code, reason = "`benches/connector.rs` measures with it")]
    pub(crate) completed: Option<Instant>,
}

impl Work {
    /// Stores a final report: completes the work if nothing is expected, or everything was processed.
    fn report(&mut self, message: String, in_error: bool) {
        if in_error {
            self.errors.push(message.clone());
        }
        self.reports.push((message, in_error));
        if self.expected == 0 || self.processed == self.expected {
            self.complete();
        }
    }

    /// Counts a processed object: completes the work if it was the last. One too many completes nothing.
    fn process(&mut self) {
        self.processed += 1;
        if self.processed == self.expected {
            self.complete();
        }
    }

    fn complete(&mut self) {
        self.status = Status::Complete;
        self.completed.get_or_insert_with(Instant::now);
    }
}

/// Failure of an operation.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This HTTP status; not executed.
    Status(u16),
    /// This HTTP status with a GraphQL error of this code; not executed.
    GraphQl(u16, &'static str),
    /// The connection closes before execution.
    Dropped,
    /// The connection closes after execution, before the response.
    Unanswered,
    /// The connection closes immediately; executed after this time.
    Late(Duration),
    /// Rejected with this code and message.
    Refused(&'static str, &'static str),
    /// Executed after this time.
    Slow(Duration),
}

struct State {
    connectors: BTreeMap<String, Connector>,
    works: BTreeMap<String, Work>,
    entities: Vec<Entity>,
    /// Known STIX ids: entities, imported objects, built-in markings.
    known: HashSet<String>,
    drafts: Vec<Value>,
    uploads: Vec<Value>,
    steps: Vec<Value>,
    events: Vec<Event>,
    faults: Vec<(String, usize, Fault)>,
    /// Number of slow requests in progress.
    slow: usize,
    /// Number of documents rejected for unknown names.
    refused: usize,
    workers: HashSet<String>,
    next: usize,
}

struct Inner {
    version: String,
    /// Reported version.
    reported: String,
    interface: Arc<Interface>,
    queues: Queues,
    /// Broker port sent to connectors.
    mq_port: u16,
    key: Ed25519KeyPair,
    state: Mutex<State>,
    busy: Busy,
    tasks: Mutex<JoinSet<()>>,
}

/// A mock platform that runs until it is dropped.
pub(crate) struct Platform {
    inner: Arc<Inner>,
    port: u16,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Platform {
    pub(crate) fn new(version: &str) -> Platform {
        Platform::on(version, Broker::shared(), None)
    }

    /// Starts a platform that reports another version than that of its API.
    pub(crate) fn of(version: &str, reported: &str) -> Platform {
        Platform::launch(version, reported, Broker::shared(), None)
    }

    /// Starts a platform with another broker, or with a network proxy port for connectors.
    pub(crate) fn on(version: &str, broker: Arc<Broker>, mq_port: Option<u16>) -> Platform {
        Platform::launch(version, version, broker, mq_port)
    }

    fn launch(version: &str, reported: &str, broker: Arc<Broker>, mq_port: Option<u16>) -> Platform {
        let state = State {
            connectors: BTreeMap::new(),
            works: BTreeMap::new(),
            entities: vec![],
            known: ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED", "PAP:RED"]
                .map(super::entity::marking_id)
                .into_iter()
                .collect(),
            drafts: vec![],
            uploads: vec![],
            steps: vec![],
            events: vec![],
            faults: vec![],
            slow: 0,
            refused: 0,
            workers: HashSet::new(),
            next: 0,
        };
        let inner = Inner {
            version: version.into(),
            reported: reported.into(),
            interface: Interface::of(version),
            mq_port: mq_port.unwrap_or(broker.amqp),
            queues: Queues::new(broker),
            key: Ed25519KeyPair::generate().expect("a key"),
            state: Mutex::new(state),
            busy: Busy::default(),
            tasks: Mutex::default(),
        };
        let inner = Arc::new(inner);
        let listener = runtime().block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = runtime().spawn(serve(listener, Arc::clone(&inner)));
        Platform { inner, port, server: Mutex::new(Some(server)) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Stops the server; requests in progress are aborted.
    pub(crate) fn stop(&self) {
        if let Some(server) = self.server.lock().expect("no panic while it is held").take() {
            server.abort();
            // The port closes when the task ends.
            let _ = runtime().block_on(server);
        }
    }

    /// Restarts the server on the same port.
    pub(crate) fn start(&self) {
        let listener = runtime().block_on(tokio::net::TcpListener::bind(("127.0.0.1", self.port))).expect("its port");
        *self.server.lock().expect("no panic while it is held") =
            Some(runtime().spawn(serve(listener, Arc::clone(&self.inner))));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state()
    }

    /// Makes the next `times` requests of an operation fail.
    pub(crate) fn fail(&self, operation: &str, times: usize, fault: Fault) {
        self.state().faults.push((operation.into(), times, fault));
    }

    pub(crate) fn add(&self, entity: Entity) -> Entity {
        let mut state = self.state();
        state.known.insert(entity.standard_id.clone());
        state.known.extend(entity.organisations.iter().cloned());
        state.entities.retain(|known| known.standard_id != entity.standard_id);
        state.entities.push(entity.clone());
        entity
    }

    // Actions of users and of the platform.

    /// Publishes an enrichment requested by a user. Returns the id of its work.
    pub(crate) fn enrich(&self, connector: &str, entity: &Entity) -> String {
        let (work, message) = self.message(connector, entity);
        self.publish(connector, &message);
        work
    }

    /// Creates a work and its message in the format of this version.
    pub(crate) fn message(&self, connector: &str, entity: &Entity) -> (String, Value) {
        let work = self.new_work(connector);
        let mut internal = json!({ "work_id": work, "applicant_id": null });
        let mut event = json!({
            "event_type": "INTERNAL_ENRICHMENT",
            "entity_id": entity.standard_id,
            "entity_type": entity.entity_type,
        });
        if self.is_at_least("6.4.0") {
            internal["draft_id"] = Value::Null;
        }
        if self.is_at_least("6.8.9") {
            event["stix_entity"] = json!(entity.stix().to_string());
            event["stix_objects"] = Value::Null;
        }
        if self.is_at_least("6.9.0") {
            internal["trigger"] = json!("update");
            internal["mode"] = json!("manual");
        }
        (work, json!({ "internal": internal, "event": event }))
    }

    /// Publishes a playbook step. Returns the id of its execution.
    pub(crate) fn playbook(&self, connector: &str, entity: &Entity, more: &[Value]) -> String {
        let execution = format!("execution-{}", self.count());
        let mut playbook = json!({
            "execution_id": execution,
            "playbook_id": "playbook-1",
            "data_instance_id": entity.standard_id,
            "step_id": "step-2",
            "previous_step_id": "step-1",
        });
        if self.is_at_least("6.1.0") {
            playbook["event_id"] = json!(format!("event-{execution}"));
        }
        let mut internal = json!({ "work_id": null, "applicant_id": "automation-user", "playbook": playbook });
        let mut event = json!({ "entity_id": entity.standard_id, "bundle": entity.bundle(more) });
        if self.is_at_least("6.9.0") {
            internal["trigger"] = json!("create");
            internal["mode"] = json!("auto");
        }
        if self.is_at_least("7.260600.0") {
            event["entity_type"] = json!(entity.entity_type);
        }
        self.publish(connector, &json!({ "internal": internal, "event": event }));
        execution
    }

    pub(crate) fn publish(&self, connector: &str, message: &Value) {
        self.publish_bytes(connector, message.to_string().as_bytes());
    }

    pub(crate) fn publish_bytes(&self, connector: &str, message: &[u8]) {
        runtime().block_on(self.inner.queues.publish(connector, message));
    }

    fn new_work(&self, connector: &str) -> String {
        let id = format!("work_{connector}_2026-11-23T10:00:00.{:05}Z", self.count());
        let work = Work {
            status: Status::Wait,
            received: vec![],
            reports: vec![],
            errors: vec![],
            expected: 0,
            processed: 0,
            draft: None,
            objects: vec![],
            completed: None,
        };
        self.state().works.insert(id.clone(), work);
        id
    }

    fn count(&self) -> usize {
        let mut state = self.state();
        state.next += 1;
        state.next
    }

    /// Deletes a work in progress.
    pub(crate) fn delete_work(&self, work: &str) {
        self.state().works.remove(work);
    }

    /// Deletes a connector and its queues.
    pub(crate) fn forget(&self, connector: &str) {
        self.state().connectors.remove(connector);
        runtime().block_on(async {
            self.inner.queues.delete(&format!("listen_{connector}")).await;
            self.inner.queues.delete(&format!("push_{connector}")).await;
        });
    }

    /// Stores a state, as another connector with this id would.
    pub(crate) fn keep_state(&self, connector: &str, state: &str) {
        if let Some(connector) = self.state().connectors.get_mut(connector) {
            connector.state = Some(state.into());
        }
    }

    /// Resets the state of a connector and empties its queues.
    pub(crate) fn reset_state(&self, connector: &str) {
        if let Some(connector) = self.state().connectors.get_mut(connector) {
            (connector.state, connector.is_reset) = (Some(String::new()), true);
        }
        runtime().block_on(self.inner.queues.purge(connector));
    }

    // Queries of tests.

    pub(crate) fn queues(&self) -> &Queues {
        &self.inner.queues
    }

    pub(crate) fn connector(&self, id: &str) -> Option<Connector> {
        self.state().connectors.get(id).cloned()
    }

    pub(crate) fn work(&self, id: &str) -> Work {
        self.state().works.get(id).cloned().expect("the work is not deleted")
    }

    /// Returns all works by id.
    pub(crate) fn works(&self) -> BTreeMap<String, Work> {
        self.state().works.clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// Returns the operations of enrichments in order.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let asked = self.events().into_iter().filter_map(|event| match event {
            Event::Asked(operation) => Some(operation),
            _ => None,
        });
        asked
            .filter(|operation| !["pingConnector", "about", "registerConnector"].contains(&operation.name.as_str()))
            .collect()
    }

    /// Returns the operations with this name.
    pub(crate) fn asked(&self, name: &str) -> Vec<Operation> {
        let events = self.events();
        let asked = events.into_iter().filter_map(|event| match event {
            Event::Asked(operation) if operation.name == name => Some(operation),
            _ => None,
        });
        asked.collect()
    }

    pub(crate) fn pushes(&self) -> Vec<Push> {
        let events = self.events().into_iter();
        events.filter_map(|event| if let Event::Pushed(push) = event { Some(push.read()) } else { None }).collect()
    }

    /// Returns whether a slow request is in progress.
    pub(crate) fn is_slow(&self) -> bool {
        self.state().slow > 0
    }

    /// Returns the number of documents rejected for unknown names.
    pub(crate) fn refused(&self) -> usize {
        self.state().refused
    }

    /// Returns the number of pushed messages.
    pub(crate) fn pushed(&self) -> usize {
        self.state().events.iter().filter(|event| matches!(event, Event::Pushed(_))).count()
    }

    /// Publishes all messages of a work again, for the worker alone. Returns the time until they are imported.
    #[allow(dead_code, reason = "`benches/connector.rs` measures with it")]
    pub(crate) fn push_again(&self, connector: &str, work: &str) -> Duration {
        let events = self.events().into_iter();
        let raw = events.filter_map(|event| if let Event::Pushed(raw) = event { Some(raw.message) } else { None });
        let is_of = |message: &Vec<u8>| message.windows(work.len()).any(|part| part == work.as_bytes());
        let messages: Vec<_> = raw.filter(is_of).collect();
        let (before, begun) = (self.work(work).processed, Instant::now());
        runtime().block_on(self.inner.queues.push(connector, &messages));
        let all = before + messages.len() as i64;
        self.await_work(work, "pushed again", |work| work.processed >= all);
        begun.elapsed()
    }

    /// Returns the arguments of each `playbookStepExecution`.
    pub(crate) fn steps(&self) -> Vec<Value> {
        self.state().steps.clone()
    }

    /// Returns the processing time of the mock itself.
    #[allow(dead_code, reason = "`benches/connector.rs` measures with it")]
    pub(crate) fn busy(&self) -> Duration {
        self.inner.busy.time()
    }

    pub(crate) fn drafts(&self) -> Vec<Value> {
        self.state().drafts.clone()
    }

    pub(crate) fn uploads(&self) -> Vec<Value> {
        self.state().uploads.clone()
    }

    /// Waits until the connector consumes its queue.
    pub(crate) fn await_consumer(&self, connector: &str) {
        soon(Duration::from_secs(30), "the connector consumes its queue", || self.consumers(connector) > 0);
    }

    /// Waits until the queue of the connector has no consumer.
    pub(crate) fn await_no_consumer(&self, connector: &str) {
        soon(Duration::from_secs(30), "the queue has no consumer", || self.consumers(connector) == 0);
    }

    /// Returns the number of ready messages for the connector, including those requeued from a closed channel.
    pub(crate) fn waiting(&self, connector: &str) -> u32 {
        let depth = runtime().block_on(self.inner.queues.depth(&format!("listen_{connector}")));
        depth.map_or(0, |(waiting, _)| waiting)
    }

    fn consumers(&self, connector: &str) -> u32 {
        let depth = runtime().block_on(self.inner.queues.depth(&format!("listen_{connector}")));
        depth.map_or(0, |(_, consumers)| consumers)
    }

    /// Waits until the work is complete.
    pub(crate) fn await_complete(&self, work: &str) -> Work {
        self.await_work(work, "complete", |work| work.status == Status::Complete && !work.reports.is_empty())
    }

    /// Waits until the work has a final report.
    pub(crate) fn await_report(&self, work: &str) -> Work {
        self.await_work(work, "reported", |work| !work.reports.is_empty())
    }

    fn await_work(&self, id: &str, what: &str, holds: impl Fn(&Work) -> bool) -> Work {
        let start = Instant::now();
        // Checked in place: copying thousands of objects each time would slow down the test.
        while !self.state().works.get(id).is_some_and(&holds) {
            let late = start.elapsed() > Duration::from_secs(180);
            assert!(
                !late,
                "{id} is not {what}: {:#?}",
                self.state().works.get(id).map(|work| Work { objects: vec![], ..work.clone() })
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        self.work(id)
    }

    /// Waits until a playbook step is completed, and returns its bundle.
    pub(crate) fn await_step(&self, execution: &str) -> Value {
        let step = || self.steps().into_iter().find(|step| step["execution_id"] == execution);
        soon(Duration::from_secs(30), "the playbook's step is answered", || step().is_some());
        let step = step().expect("it was there");
        serde_json::from_str(step["bundle"].as_str().expect("a bundle is text")).expect("a bundle is JSON")
    }

    fn is_at_least(&self, version: &str) -> bool {
        self.inner.is_at_least(version)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.stop();
        self.inner.tasks.lock().expect("no panic while it is held").abort_all();
    }
}

async fn serve(listener: tokio::net::TcpListener, inner: Arc<Inner>) {
    // Dropping the set ends the connections with the server.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let inner = Arc::clone(&inner);
        let service = service_fn(move |request: Request<Incoming>| {
            let inner = Arc::clone(&inner);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
                let begun = Instant::now();
                let reply = inner.respond(Request::from_parts(head, body)).await;
                inner.busy.since(begun);
                reply
            }
        });
        connections.spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Reply = Result<Response<Full<Bytes>>, std::io::Error>;

fn reply(status: u16, body: String) -> Reply {
    let response = Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
    Ok(response.body(Full::new(body.into())).expect("a response"))
}

fn dropped() -> Reply {
    Err(std::io::Error::other("the connection is dropped"))
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }

    fn is_at_least(&self, version: &str) -> bool {
        parts(&self.version) >= parts(version)
    }

    async fn respond(self: &Arc<Self>, request: Request<Bytes>) -> Reply {
        let headers = request.headers().clone();
        let header = |name: &str| headers.get(name).map(|value| value.to_str().expect("ASCII").to_string());
        let (method, path) = (request.method().clone(), request.uri().path().to_string());
        let body = request.into_body();
        if method != "POST" || path != "/graphql" {
            return reply(404, "{}".into());
        }
        let Some(request) = request_in(&header("content-type").unwrap_or_default(), &body) else {
            return reply(
                400,
                r#"{"errors":[{"message":"POST body missing, invalid Content-Type, or JSON object has no keys."}]}"#
                    .into(),
            );
        };
        let is_known = header("authorization").is_some_and(|given| given == format!("Bearer {TOKEN}"));
        if !is_known {
            let refusal =
                Refusal { code: "AUTH_REQUIRED", message: "You must be logged in to do this.".into(), status: 401 };
            return reply(200, json!({ "errors": [refusal.to_json()], "data": null }).to_string());
        }
        let fault = self.fault(request["query"].as_str().unwrap_or_default());
        match fault {
            Some(Fault::Status(status)) => return reply(status, "<html>not now</html>".into()),
            Some(Fault::GraphQl(status, code)) => {
                let refusal = Refusal { code, message: "Something went wrong.".into(), status };
                return reply(status, json!({ "errors": [refusal.to_json()] }).to_string());
            }
            Some(Fault::Dropped) => return dropped(),
            Some(Fault::Refused(code, message)) => {
                let refusal = Refusal { code, message: message.into(), status: 400 };
                return reply(200, json!({ "errors": [refusal.to_json()], "data": null }).to_string());
            }
            Some(Fault::Slow(time)) => {
                self.state().slow += 1;
                tokio::time::sleep(time).await;
                self.state().slow -= 1;
            }
            Some(Fault::Late(_) | Fault::Unanswered) | None => {}
        }
        let from = (header("opencti-draft-id"), header("opencti-applicant-id"));
        if let Some(Fault::Late(time)) = fault {
            let platform = Arc::clone(self);
            runtime().spawn(async move {
                tokio::time::sleep(time).await;
                platform.execute(&request, &from)
            });
            return dropped();
        }
        let answer = self.execute(&request, &from);
        let body = match answer {
            Ok(data) => json!({ "data": data }),
            Err(refusals) => {
                let is_unknown = refusals
                    .iter()
                    .any(|refusal| refusal.message.contains("nknown") || refusal.message.contains("Cannot query"));
                self.state().refused += usize::from(is_unknown);
                json!({ "errors": refusals.iter().map(Refusal::to_json).collect::<Vec<_>>(), "data": null })
            }
        };
        self.follow(&body, &request).await;
        if matches!(fault, Some(Fault::Unanswered)) {
            return dropped();
        }
        reply(200, body.to_string())
    }

    /// Executes a request in this draft and for this applicant.
    fn execute(
        &self,
        request: &Value,
        (draft, applicant): &(Option<String>, Option<String>),
    ) -> Result<Value, Vec<Refusal>> {
        self.interface.answer(request, |name, arguments| {
            let operation = Operation {
                name: name.into(),
                arguments: Value::Object(arguments.clone()),
                draft: draft.clone(),
                applicant: applicant.clone(),
            };
            let mut state = self.state();
            state.events.push(Event::Asked(operation));
            self.resolve(&mut state, name, arguments)
        })
    }

    /// Declares queues before the response to a registration or a ping is sent.
    async fn follow(self: &Arc<Self>, body: &Value, request: &Value) {
        let is_any = |name: &str| !body["data"][name].is_null();
        if !is_any("registerConnector") && !is_any("pingConnector") {
            return;
        }
        let variables = &request["variables"];
        let id = variables["input"]["id"].as_str().or(variables["id"].as_str()).unwrap_or_default().to_string();
        if let Err(error) = self.queues.declare(&id).await {
            eprintln!("queues of {id}: {error}");
        }
        self.employ(&id);
    }

    /// Starts a worker for the queues of the connector, once.
    fn employ(self: &Arc<Self>, id: &str) {
        let mut state = self.state();
        if !state.workers.insert(id.to_string()) {
            return;
        }
        let callback = state.connectors[id].input["listen_callback_uri"].as_str().map(str::to_string);
        let mut tasks = self.tasks.lock().expect("no panic while it is held");
        let (inner, connector) = (Arc::clone(self), id.to_string());
        tasks.spawn_on(
            async move {
                let queue = format!("push_{connector}");
                inner.queues.consume(&queue, async |message| inner.import(message)).await;
            },
            runtime().handle(),
        );
        if let Some(uri) = callback {
            let (inner, queue) = (Arc::clone(self), format!("listen_{id}"));
            let call = async move {
                inner.queues.consume(&queue, async |message| inner.call(&uri, message).await).await;
            };
            tasks.spawn_on(call, runtime().handle());
        }
    }

    fn fault(&self, query: &str) -> Option<Fault> {
        let mut state = self.state();
        let fits = |operation: &str| {
            let name = operation.rsplit('.').next().expect("a split has a last part");
            // Matches `toReceived(` or `about {`, but not the name of the document.
            query.contains(&format!("{name}("))
                || query.contains(&format!("{name} ("))
                || query.contains(&format!("{name} {{"))
        };
        let fault = state.faults.iter_mut().find(|(operation, times, _)| *times > 0 && fits(operation))?;
        fault.1 -= 1;
        Some(fault.2.clone())
    }

    fn resolve(&self, state: &mut State, name: &str, arguments: &Map<String, Value>) -> Result<Value, Refusal> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
        if let Some(edit) = name.strip_prefix("workEdit.") {
            return edit_work(state, edit, &text("id"), arguments);
        }
        match name {
            "about" => Ok(json!({ "version": self.reported })),
            "registerConnector" => self.register(state, &arguments["input"]),
            "pingConnector" => self.ping(state, &text("id"), arguments),
            "deleteConnector" => {
                state.connectors.remove(&text("id"));
                Ok(json!(text("id")))
            }
            "connectorJWT" => Ok(json!(self.jwt())),
            "stixCyberObservable" | "stixCoreObject" => {
                let id = text("id");
                let found = state.entities.iter().find(|entity| entity.id == id || entity.standard_id == id);
                Ok(found.map_or(Value::Null, Entity::read))
            }
            "work" => Ok(state.works.get(&text("id")).map_or(Value::Null, |work| {
                let tracking =
                    json!({ "import_expected_number": work.expected, "import_processed_number": work.processed });
                let processed = (!work.reports.is_empty()).then_some("2026-11-23T10:00:00.000Z");
                json!({ "id": text("id"), "processed_time": processed, "tracking": tracking })
            })),
            "stixNestedRefRelationships" => {
                let page = json!({ "startCursor": "", "endCursor": "", "hasNextPage": false, "hasPreviousPage": false, "globalCount": 0 });
                Ok(json!({ "edges": [], "pageInfo": page }))
            }
            "playbookStepExecution" => {
                state.steps.push(Value::Object(arguments.clone()));
                Ok(json!(true))
            }
            "stixBundlePush" => {
                let message = json!({
                    "type": "bundle",
                    "applicant_id": CONNECTOR_USER,
                    "work_id": arguments.get("work_id"),
                    "update": false,
                    "content": BASE64_STANDARD.encode(text("bundle")),
                });
                let message = message.to_string().into_bytes();
                import(state, Raw { message, is_persistent: true, encoding: None });
                Ok(json!(true))
            }
            "draftWorkspaceAdd" => {
                let id = format!("draft-{}", state.drafts.len() + 1);
                let mut draft = arguments["input"].clone();
                draft["id"] = json!(id);
                state.drafts.push(draft.clone());
                Ok(draft)
            }
            "uploadPending" => {
                state.uploads.push(Value::Object(arguments.clone()));
                Ok(json!({ "id": "import/pending/1", "name": "bundle.json", "objectMarking": [] }))
            }
            _ => panic!("the schema has {name}, the mock does not"),
        }
    }

    fn register(&self, state: &mut State, input: &Value) -> Result<Value, Refusal> {
        let id = input["id"].as_str().unwrap_or_default().to_string();
        if input["name"].as_str().is_none_or(|name| name.trim().chars().count() < 2) {
            return Err(Refusal::functional("The name must have two characters at least"));
        }
        let known = state.connectors.entry(id.clone()).or_insert_with(|| Connector {
            input: Value::Null,
            state: None,
            is_reset: false,
            info: Value::Null,
            pings: 0,
            registrations: 0,
        });
        known.input = input.clone();
        known.registrations += 1;
        Ok(self.connector(&id, known))
    }

    fn ping(&self, state: &mut State, id: &str, arguments: &Map<String, Value>) -> Result<Value, Refusal> {
        let known = state.connectors.get_mut(id);
        let known = known.ok_or_else(|| Refusal::functional("No connector found with the specified ID"))?;
        known.pings += 1;
        known.info = arguments.get("connectorInfo").cloned().unwrap_or_default();
        // The first state sent after a reset is ignored.
        if !std::mem::take(&mut known.is_reset) {
            known.state = arguments.get("state").and_then(Value::as_str).map(str::to_string);
        }
        Ok(self.connector(id, known))
    }

    fn connector(&self, id: &str, known: &Connector) -> Value {
        let connection = json!({
            "host": "127.0.0.1", "vhost": self.queues.host, "use_ssl": false, "port": self.mq_port,
            "user": USER, "pass": PASSWORD,
        });
        let config = json!({
            "connection": connection,
            "s3": { "endpoint": "minio", "port": 9000, "use_ssl": false, "bucket_name": "b", "access_key": "a", "secret_key": "s" },
            "listen": format!("listen_{id}"),
            "listen_routing": format!("listen_routing_{id}"),
            "listen_exchange": LISTEN_EXCHANGE,
            "push": format!("push_{id}"),
            "push_routing": format!("push_routing_{id}"),
            "push_exchange": PUSH_EXCHANGE,
        });
        json!({
            "id": id, "standard_id": format!("connector--{id}"), "entity_type": "Connector",
            "name": known.input["name"], "active": true, "auto": known.input["auto"],
            "connector_state": known.state, "connector_state_reset": known.is_reset, "connector_info": known.info,
            "connector_user_id": CONNECTOR_USER, "config": config, "jwks": self.jwks(),
        })
    }

    fn jwks(&self) -> String {
        let x = BASE64_URL_SAFE_NO_PAD.encode(self.key.public_key());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "platform-1", "x": x }] }).to_string()
    }

    fn jwt(&self) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs();
        self.signed(
            &json!({ "alg": "EdDSA", "typ": "JWT", "kid": "platform-1" }),
            &json!({ "iss": "opencti", "sub": "connector", "iat": now, "exp": now + 3600 }),
        )
    }

    fn signed(&self, head: &Value, claims: &Value) -> String {
        let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", encode(head), encode(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.key.sign(text.as_bytes()));
        format!("{text}.{signature}")
    }

    /// Sends a message to the connector over HTTP, as a worker does. Returns whether it was accepted.
    async fn call(&self, uri: &str, message: Delivery) -> bool {
        let credential = if self.is_at_least("7.260224.0") { self.jwt() } else { TOKEN.to_string() };
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(300));
        // Workers do not verify the certificate unless an authority is configured.
        let client = client.danger_accept_invalid_certs(true).build().expect("a client");
        let mut request = client.post(uri).bearer_auth(credential).body(message.data);
        if self.is_at_least("7.0.0") {
            request = request.header("content-type", "application/json");
        }
        let status = request.send().await.map_or(0, |response| response.status().as_u16());
        self.state().events.push(Event::Answered(status));
        if status != 202 {
            // A real worker waits 10 to 30 seconds.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        status == 202
    }

    /// Imports a message of the push queue, as a worker does. Always succeeds.
    fn import(&self, delivery: Delivery) -> bool {
        let is_persistent = *delivery.properties.delivery_mode() == Some(2);
        let encoding = delivery.properties.content_encoding().as_ref().map(ToString::to_string);
        import(&mut self.state(), Raw { message: delivery.data, is_persistent, encoding });
        true
    }
}

fn import(state: &mut State, raw: Raw) {
    let order: Order<'_> = serde_json::from_slice(&raw.message).expect("what is pushed is JSON");
    let content = BASE64_STANDARD.decode(order.content).expect("base64");
    let Content { objects } = serde_json::from_slice(&content).expect("content is a bundle");
    let mut errors = vec![];
    for object in &objects {
        let missing: Vec<&str> = references(object).filter(|id| !state.known.contains(*id)).collect();
        if missing.is_empty() {
            state.known.insert(object["id"].as_str().unwrap_or_default().into());
        } else {
            errors.push(format!("MISSING_REFERENCE_ERROR: {} names {missing:?}", object["id"]));
        }
    }
    if let Some(work) = order.work_id.and_then(|id| state.works.get_mut(id)) {
        // The worker splits several objects and adds them to the expectations.
        let is_split_here = objects.len() > 1 && !order.no_split;
        let number = objects.len() as i64;
        work.expected += if is_split_here { number } else { 0 };
        work.objects.extend(objects);
        work.errors.extend(errors);
        (0..if is_split_here { number } else { 1 }).for_each(|_| work.process());
    }
    state.events.push(Event::Pushed(raw));
}

/// Returns the ids that an object references at its top level; organizations it is shared with are known to the
/// platform.
fn references(object: &Value) -> impl Iterator<Item = &str> {
    let fields = object.as_object().into_iter().flatten();
    let named =
        fields.filter(|(key, _)| key.ends_with("_ref") || key.ends_with("_refs") && *key != "x_opencti_granted_refs");
    named.flat_map(|(_, value)| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(id) => vec![id.as_str()],
        _ => vec![],
    })
}

fn edit_work(state: &mut State, edit: &str, id: &str, arguments: &Map<String, Value>) -> Result<Value, Refusal> {
    let gone = || Refusal { code: "WORK_NOT_ALIVE", message: "Work is no longer alive".into(), status: 404 };
    let work = state.works.get_mut(id).ok_or_else(gone)?;
    let message = arguments.get("message").and_then(Value::as_str).unwrap_or_default().to_string();
    match edit {
        "ping" => {}
        "toReceived" => {
            work.received.push(message);
            if work.status == Status::Wait {
                work.status = Status::Progress;
            }
        }
        "toProcessed" => {
            work.report(message, arguments.get("inError").and_then(Value::as_bool).unwrap_or(false));
        }
        "addExpectations" => work.expected += arguments.get("expectations").and_then(Value::as_i64).unwrap_or(0),
        "reportExpectation" => {
            work.process();
            if let Some(error) = arguments.get("error").filter(|error| !error.is_null()) {
                work.errors.push(error["error"].as_str().unwrap_or_default().into());
            }
        }
        "addDraftContext" => work.draft = arguments.get("draftContext").and_then(Value::as_str).map(str::to_string),
        _ => panic!("the schema has workEdit.{edit}, the mock does not"),
    }
    Ok(json!(id))
}

/// Parses the request of a body: JSON, or the part `operations` of a multipart form.
fn request_in(content_type: &str, body: &[u8]) -> Option<Value> {
    let Some(boundary) = content_type.strip_prefix("multipart/form-data; boundary=") else {
        return serde_json::from_slice(body).ok().filter(Value::is_object);
    };
    let text = String::from_utf8_lossy(body);
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let part = |name: &str| {
        let part = text.split(&boundary).find(|part| part.contains(&format!("name=\"{name}\"")))?;
        part.split_once("\r\n\r\n").map(|(_, body)| body.trim_end().to_string())
    };
    let mut request: Value = serde_json::from_str(&part("operations")?).ok()?;
    request["variables"]["file"] = json!(part("0")?);
    Some(request)
}
