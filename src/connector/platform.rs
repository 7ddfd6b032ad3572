//! The platform: one function for each thing that is asked of it. It waits and asks again while the platform is away; what a
//! version does not know is left out, and remembered.

use super::compat::{INPUTS, Version, document, named_as_unknown};
use super::configuration::{Configuration, Tls};
use super::graphql_error::{PlatformError, answered};
use super::metrics::Readiness;
use crate::http;
use anyhow::Context;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Certificate, Client, RequestBuilder};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stixmap_engine::printable;
use tokio::time::{Instant, sleep};

/// How long one request may take, and one that brings much, which the platform takes apart before it answers.
const TIMEOUT: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(300);

/// The platform ends connections that are idle for five seconds: one that ends as it is used leaves it open what was done.
const IDLE: Duration = Duration::from_secs(4);

/// The first wait before a request is sent again, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long an announcement may still arrive, at least, after its connection broke.
const SETTLE: Duration = Duration::from_secs(5);

/// How often a document is made smaller for one request.
const MOST_ROUNDS: usize = 12;

/// The platform, as one connector asks it.
#[derive(Debug)]
pub(super) struct Platform {
    client: Client,
    configuration: Configuration,
    version: Mutex<Version>,
    unknown: Mutex<BTreeSet<String>>,
    ready: Arc<Readiness>,
}

/// How many objects a work expects, and how many of them it has seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tracking {
    pub(super) expected: usize,
    pub(super) processed: usize,
}

/// For which draft something is asked, and until when it is worth asking.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestContext<'c> {
    pub(super) draft: Option<&'c str>,
    pub(super) until: Instant,
    /// How long one request may take.
    limit: Duration,
}

impl<'c> RequestContext<'c> {
    pub(super) fn new(draft: Option<&'c str>, until: Instant) -> Self {
        Self { draft, until, limit: TIMEOUT }
    }

    /// What is asked once, for no draft.
    fn once() -> Self {
        Self::new(None, Instant::now() + TIMEOUT)
    }

    /// The same, bringing much.
    fn with_much(self) -> Self {
        Self { limit: LONG, ..self }
    }
}

impl Platform {
    pub(super) fn new(configuration: &Configuration, ready: Arc<Readiness>) -> anyhow::Result<Platform> {
        let builder = http::builder()?
            .default_headers(headers(configuration)?)
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(IDLE);
        let builder = match &configuration.tls {
            Tls::Unchecked => builder.danger_accept_invalid_certs(true),
            Tls::Checked(None) => http::authorities(builder)?,
            Tls::Checked(Some(pem)) => {
                let authorities = Certificate::from_pem_bundle(pem.as_bytes()).context("the platform's authorities")?;
                authorities.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate)
            }
        };
        let client = builder.build().context("the HTTP client cannot be set up")?;
        Ok(Platform {
            client,
            configuration: configuration.clone(),
            version: Mutex::default(),
            unknown: Mutex::default(),
            ready,
        })
    }

    /// Whether the platform is of a version that has something.
    pub(super) fn has(&self, version: &str) -> bool {
        self.version.lock().unwrap_or_else(PoisonError::into_inner).has(version)
    }

    /// Asks for the version, once.
    pub(super) async fn version(&self) -> Result<String, PlatformError> {
        let told = self.send(include_str!("operations/health.graphql"), &json!({}), RequestContext::once()).await?;
        let version = told["about"]["version"].as_str().unwrap_or("6.0.0").to_owned();
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Version::parse(&version);
        Ok(version)
    }

    /// Registers the connector, once.
    pub(super) async fn register(&self) -> Result<Value, PlatformError> {
        let mut told = self
            .ask_once(
                include_str!("operations/register.graphql"),
                json!({ "input": self.input() }),
                RequestContext::once(),
            )
            .await?;
        Ok(told["registerConnector"].take())
    }

    fn input(&self) -> Value {
        let own = &self.configuration;
        let mut input = json!({
            "id": own.id, "name": own.name, "type": "INTERNAL_ENRICHMENT", "scope": own.scope, "auto": own.is_auto,
            "only_contextual": own.only_contextual, "playbook_compatible": true,
            "auto_update": own.is_auto_update, "enrichment_resolution": own.enrichment_resolution,
            "listen_callback_uri": own.callback.as_ref().map(|callback| callback.uri.as_str()),
            "version": env!("CARGO_PKG_VERSION"), "slug": own.slug,
        });
        if let Some(intent) = &own.xtm_one_intent {
            input["xtm_one_intent"] = Value::from(intent.as_str());
        }
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let input_keys = input.as_object_mut().expect("written above");
        input_keys.retain(|key, _| INPUTS.iter().all(|(name, since)| key != name || version.has(since)));
        input
    }

    /// Tells that the connector lives, once. Gives the state that the platform keeps.
    pub(super) async fn ping(&self, state: &str) -> Result<Option<String>, PlatformError> {
        let info = json!({
            "run_and_terminate": false, "buffering": false, "queue_threshold": 500.0, "queue_messages_size": 0.0,
            "next_run_datetime": null, "last_run_datetime": null,
        });
        let variables = json!({ "id": self.configuration.id, "state": state, "connectorInfo": info });
        let told = self.ask_once(include_str!("operations/ping.graphql"), variables, RequestContext::once()).await?;
        Ok(told["pingConnector"]["connector_state"].as_str().map(str::to_owned))
    }

    /// What it knows of an observable; none if it may not be read.
    pub(super) async fn entity(&self, id: &str, context: RequestContext<'_>) -> Result<Option<Value>, PlatformError> {
        let told = self.ask(include_str!("operations/entity.graphql"), json!({ "id": id }), context).await?;
        Ok(Some(told["stixCyberObservable"].clone()).filter(Value::is_object))
    }

    pub(super) async fn to_received(
        &self,
        work: &str,
        message: &str,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "id": work, "message": printable::line(message) });
        self.ask(include_str!("operations/to_received.graphql"), variables, context).await.map(drop)
    }

    pub(super) async fn to_processed(
        &self,
        work: &str,
        message: &str,
        in_error: bool,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "id": work, "message": printable::line(message), "inError": in_error });
        self.ask(include_str!("operations/to_processed.graphql"), variables, context).await.map(drop)
    }

    pub(super) async fn ping_work(&self, work: &str, context: RequestContext<'_>) -> Result<(), PlatformError> {
        self.ask(include_str!("operations/ping_work.graphql"), json!({ "id": work }), context).await.map(drop)
    }

    /// Announces so many objects more than the work expects. Each is announced once: a work that expects too much never ends,
    /// one that expects too little ends early. So before it is asked again it is looked whether that is needed, for as long again
    /// as the platform has had already: what stands before it may have given up earlier than it did. Where that cannot be seen,
    /// what may be done is taken for done.
    pub(super) async fn add_expectations(
        &self,
        work: &str,
        expected: usize,
        more: usize,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let (text, mut wait) = (include_str!("operations/add_expectations.graphql"), WAITS.0);
        loop {
            let (variables, begun) = (json!({ "id": work, "expectations": more }), Instant::now());
            let failure = match self.ask_once(text, variables, context.with_much()).await {
                Err(failure) if failure.may_pass() => failure,
                answer => return answer.map(drop),
            };
            let may_be_done = matches!(failure, PlatformError::Unanswered(_) | PlatformError::Failed(_));
            let settled = Instant::now() + if may_be_done { begun.elapsed().max(SETTLE) } else { Duration::ZERO };
            loop {
                if Instant::now() + wait >= context.until {
                    return Err(failure);
                }
                sleep(wait).await;
                wait = (wait * 2).min(WAITS.1);
                match self.tracking(work, context).await? {
                    Some(tracking) if tracking.expected > expected => return Ok(()),
                    None if may_be_done => return Ok(()),
                    _ if Instant::now() >= settled => break,
                    _ => {}
                }
            }
        }
    }

    /// What a work counts; none if that is not told.
    pub(super) async fn tracking(
        &self,
        work: &str,
        context: RequestContext<'_>,
    ) -> Result<Option<Tracking>, PlatformError> {
        let told = match self.ask(include_str!("operations/work.graphql"), json!({ "id": work }), context).await {
            Ok(told) => told,
            // Not every account may read works.
            Err(PlatformError::No { .. }) => return Ok(None),
            Err(refused) => return Err(refused),
        };
        let number = |key: &str| told["work"]["tracking"][key].as_u64().and_then(|number| usize::try_from(number).ok());
        let counted = number("import_expected_number").zip(number("import_processed_number"));
        Ok(counted.map(|(expected, processed)| Tracking { expected, processed }))
    }

    /// Whether a work needs no report any more: it has one, or is deleted. Of one that may not be read that is not known.
    pub(super) async fn is_reported(&self, work: &str, context: RequestContext<'_>) -> Result<bool, PlatformError> {
        match self.ask(include_str!("operations/work.graphql"), json!({ "id": work }), context).await {
            Ok(told) => Ok(told["work"].is_null() || !told["work"]["processed_time"].is_null()),
            Err(PlatformError::No { .. }) => Ok(false),
            Err(refused) => Err(refused),
        }
    }

    /// Tells that an announced object was imported, or why it never will be.
    pub(super) async fn report_expectation(
        &self,
        work: &str,
        error: Option<(&str, &str)>,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let error = error.map(|(error, source)| json!({ "error": printable::line(error), "source": source }));
        let variables = json!({ "id": work, "error": error });
        self.ask(include_str!("operations/report_expectation.graphql"), variables, context).await.map(drop)
    }

    /// Makes a draft, and gives its id.
    pub(super) async fn add_draft(
        &self,
        name: &str,
        entity: &str,
        context: RequestContext<'_>,
    ) -> Result<Option<String>, PlatformError> {
        let variables = json!({ "input": { "name": name, "entity_id": entity } });
        let told = self.ask(include_str!("operations/add_draft.graphql"), variables, context).await?;
        Ok(told["draftWorkspaceAdd"]["id"].as_str().map(str::to_owned))
    }

    pub(super) async fn add_draft_context(
        &self,
        work: &str,
        draft: &str,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "id": work, "draftContext": draft });
        self.ask(include_str!("operations/add_draft_context.graphql"), variables, context).await.map(drop)
    }

    /// Hands a whole bundle to the platform, which splits it.
    pub(super) async fn push_bundle(
        &self,
        work: Option<&str>,
        bundle: &str,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "connectorId": self.configuration.id, "bundle": bundle, "work_id": work });
        self.ask(include_str!("operations/push_bundle.graphql"), variables, context.with_much()).await.map(drop)
    }

    /// Answers a step of a playbook. Each answer takes the playbook a step further: what the platform may have, and does not say
    /// that it failed with, is not sent again. Gives why it is not known for certain that the platform has it.
    pub(super) async fn answer_playbook(
        &self,
        answer: Map<String, Value>,
        context: RequestContext<'_>,
    ) -> Result<Option<String>, PlatformError> {
        let (text, answer) = (include_str!("operations/playbook_step.graphql"), Value::Object(answer));
        let answered = self.patiently(context, || async {
            match self.ask_once(text, answer.clone(), context).await {
                Err(PlatformError::Unanswered(reason)) => Ok(Some(reason)),
                told => told.map(|_| None),
            }
        });
        answered.await
    }

    /// Uploads a bundle for a person to look at.
    pub(super) async fn upload(
        &self,
        name: &str,
        bundle: String,
        entity: &str,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "file": null, "entityId": entity, "file_markings": [] });
        let text = self.fitting(include_str!("operations/upload_pending.graphql"));
        let operations = json!({ "query": text, "variables": trimmed(&variables, &text) }).to_string();
        self.patiently(context, || async {
            let part = Part::text(bundle.clone()).file_name(name.to_owned()).mime_str("application/json");
            let part = part.map_err(|error| PlatformError::Away(error.to_string()))?;
            let form = Form::new().text("operations", operations.clone()).text("map", r#"{"0":["variables.file"]}"#);
            answered(self.request(context.with_much()).multipart(form.part("0", part))).await.map(drop)
        })
        .await
    }

    /// Asks until it is answered, or no longer worth it.
    async fn ask(&self, text: &str, variables: Value, context: RequestContext<'_>) -> Result<Value, PlatformError> {
        self.patiently(context, || self.ask_once(text, variables.clone(), context)).await
    }

    async fn patiently<T, F: Future<Output = Result<T, PlatformError>>>(
        &self,
        context: RequestContext<'_>,
        mut once: impl FnMut() -> F,
    ) -> Result<T, PlatformError> {
        let mut wait = WAITS.0;
        loop {
            match once().await {
                Err(failure) if failure.may_pass() && Instant::now() + wait < context.until => {
                    sleep(wait).await;
                    wait = (wait * 2).min(WAITS.1);
                }
                answer => return answer,
            }
        }
    }

    fn fitting(&self, text: &str) -> String {
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner).clone();
        document(text, &version, &self.unknown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks once; but what the platform names as unknown is left out, and the rest is asked again.
    async fn ask_once(
        &self,
        text: &str,
        variables: Value,
        context: RequestContext<'_>,
    ) -> Result<Value, PlatformError> {
        let mut variables = variables;
        for _ in 0..MOST_ROUNDS {
            let fitting = self.fitting(text);
            match self.send(&fitting, &trimmed(&variables, &fitting), context).await {
                Err(PlatformError::No { name, message }) => {
                    let Some(unknown) = message.lines().filter_map(named_as_unknown).next() else {
                        return Err(PlatformError::No { name, message });
                    };
                    let unknown: BTreeSet<String> =
                        message.lines().filter_map(named_as_unknown).chain([unknown]).map(str::to_owned).collect();
                    let is_input =
                        variables.get("input").is_some_and(|input| unknown.iter().any(|key| input.get(key).is_some()));
                    let is_news = self.learn(&unknown);
                    if let Some(input) = variables.get_mut("input").and_then(Value::as_object_mut) {
                        input.retain(|key, _| !unknown.contains(key));
                    }
                    if !is_news && !is_input {
                        return Err(PlatformError::No { name, message });
                    }
                }
                answer => return answer,
            }
        }
        Err(PlatformError::No {
            name: "GRAPHQL_VALIDATION_FAILED".into(),
            message: "the platform knows too little".into(),
        })
    }

    fn learn(&self, names: &BTreeSet<String>) -> bool {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        let before = unknown.len();
        unknown.extend(names.iter().cloned());
        unknown.len() > before
    }

    fn request(&self, context: RequestContext<'_>) -> RequestBuilder {
        let left = context.until.saturating_duration_since(Instant::now());
        let request = self.client.post(self.configuration.url.clone()).timeout(left.min(context.limit));
        match context.draft {
            Some(draft) => request.header("opencti-draft-id", draft),
            None => request,
        }
    }

    async fn send(&self, text: &str, variables: &Value, context: RequestContext<'_>) -> Result<Value, PlatformError> {
        let told = answered(self.request(context).json(&json!({ "query": text, "variables": variables }))).await;
        match &told {
            Ok(_) | Err(PlatformError::No { .. } | PlatformError::Failed(_)) => self.ready.set_platform(true),
            Err(PlatformError::Away(_) | PlatformError::Astray(_) | PlatformError::Unauthorized(_)) => {
                self.ready.set_platform(false)
            }
            // It may be busy with this alone.
            Err(PlatformError::Unanswered(_)) => {}
        }
        told
    }
}

/// What goes with every request; the operator's own headers go before ours.
fn headers(configuration: &Configuration) -> anyhow::Result<HeaderMap> {
    let token = format!("Bearer {}", configuration.token.as_str());
    let mut token = HeaderValue::from_str(&token).context("OPENCTI_TOKEN holds signs that no header holds")?;
    token.set_sensitive(true);
    let mut headers = HeaderMap::from_iter([(AUTHORIZATION, token)]);
    headers.extend(configuration.headers.clone());
    Ok(headers)
}

/// Only the variables that a document declares: others are an error to GraphQL.
fn trimmed(variables: &Value, document: &str) -> Value {
    let Some(keys) = variables.as_object() else { return json!({}) };
    let is_declared = |key: &str| document.contains(&format!("${key}:"));
    Value::Object(
        keys.iter().filter(|(key, _)| is_declared(key)).map(|(key, value)| (key.clone(), value.clone())).collect(),
    )
}
