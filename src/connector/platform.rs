//! Client of OpenCTI's GraphQL API, one function per operation. Retries while the platform is unreachable; removes what
//! its version does not support, and remembers that.

use super::compat::{INPUTS, Version, document, unknown_name};
use super::configuration::{Configuration, Tls};
use super::graphql_error::{PlatformError, execute};
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

/// Timeout of a request, and of one with a large body, which the platform processes before it responds.
const TIMEOUT: Duration = Duration::from_secs(60);
const LONG_TIMEOUT: Duration = Duration::from_secs(300);

/// Idle timeout of pooled connections. The platform closes idle connections after five seconds; if that happens during
/// a request, its result is unknown.
const IDLE: Duration = Duration::from_secs(4);

/// Initial and maximum delay between retries.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Minimum time in which a request may still take effect after its connection broke.
const SETTLE: Duration = Duration::from_secs(5);

/// Maximum number of attempts to remove unsupported names from one request.
const MAX_REDUCTIONS: usize = 12;

/// Client of the platform for one connector.
#[derive(Debug)]
pub(super) struct Platform {
    client: Client,
    configuration: Configuration,
    version: Mutex<Version>,
    unknown: Mutex<BTreeSet<String>>,
    ready: Arc<Readiness>,
}

/// Number of objects that a work expects, and number of those processed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tracking {
    pub(super) expected: usize,
    pub(super) processed: usize,
}

/// Maximum time for the final report, in addition to the time limit of the delivery.
pub(super) const TO_REPORT: Duration = Duration::from_secs(60);

/// Draft and deadline of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestContext<'c> {
    pub(super) draft: Option<&'c str>,
    pub(super) until: Instant,
    /// Timeout of one attempt.
    limit: Duration,
}

impl<'c> RequestContext<'c> {
    pub(super) fn new(draft: Option<&'c str>, until: Instant) -> Self {
        Self { draft, until, limit: TIMEOUT }
    }

    /// Context of a single attempt outside of a draft.
    fn once() -> Self {
        Self::new(None, Instant::now() + TIMEOUT)
    }

    /// The same context with the timeout for large bodies.
    fn with_long_timeout(self) -> Self {
        Self { limit: LONG_TIMEOUT, ..self }
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
                let authorities = Certificate::from_pem_bundle(pem.as_bytes())
                    .context("invalid certificate authorities of the platform")?;
                authorities.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate)
            }
        };
        let client = builder.build().context("failed to set up the HTTP client")?;
        Ok(Platform {
            client,
            configuration: configuration.clone(),
            version: Mutex::default(),
            unknown: Mutex::default(),
            ready,
        })
    }

    /// Returns whether the platform has this version or a newer one.
    pub(super) fn has(&self, version: &str) -> bool {
        self.version.lock().unwrap_or_else(PoisonError::into_inner).has(version)
    }

    /// Queries the version of the platform, without retries.
    pub(super) async fn version(&self) -> Result<String, PlatformError> {
        let data = self.send(include_str!("operations/health.graphql"), &json!({}), RequestContext::once()).await?;
        let version = data["about"]["version"].as_str().unwrap_or("6.0.0").to_owned();
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Version::parse(&version);
        Ok(version)
    }

    /// Registers the connector, without retries.
    pub(super) async fn register(&self) -> Result<Value, PlatformError> {
        let mut data = self
            .send_once(
                include_str!("operations/register.graphql"),
                json!({ "input": self.input() }),
                RequestContext::once(),
            )
            .await?;
        Ok(data["registerConnector"].take())
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

    /// Pings the platform, without retries. Returns the state that the platform stores.
    pub(super) async fn ping(&self, state: &str) -> Result<Option<String>, PlatformError> {
        let info = json!({
            "run_and_terminate": false, "buffering": false, "queue_threshold": 500.0, "queue_messages_size": 0.0,
            "next_run_datetime": null, "last_run_datetime": null,
        });
        let variables = json!({ "id": self.configuration.id, "state": state, "connectorInfo": info });
        let data = self.send_once(include_str!("operations/ping.graphql"), variables, RequestContext::once()).await?;
        Ok(data["pingConnector"]["connector_state"].as_str().map(str::to_owned))
    }

    /// Queries an observable. Returns `None` if it does not exist or the account may not read it.
    pub(super) async fn entity(&self, id: &str, context: RequestContext<'_>) -> Result<Option<Value>, PlatformError> {
        let data =
            self.send_with_retry(include_str!("operations/entity.graphql"), json!({ "id": id }), context).await?;
        Ok(Some(data["stixCyberObservable"].clone()).filter(Value::is_object))
    }

    pub(super) async fn to_received(
        &self,
        work: &str,
        message: &str,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "id": work, "message": printable::line(message) });
        self.send_with_retry(include_str!("operations/to_received.graphql"), variables, context).await.map(drop)
    }

    pub(super) async fn to_processed(
        &self,
        work: &str,
        message: &str,
        in_error: bool,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "id": work, "message": printable::line(message), "inError": in_error });
        self.send_with_retry(include_str!("operations/to_processed.graphql"), variables, context).await.map(drop)
    }

    pub(super) async fn ping_work(&self, work: &str, context: RequestContext<'_>) -> Result<(), PlatformError> {
        self.send_with_retry(include_str!("operations/ping_work.graphql"), json!({ "id": work }), context)
            .await
            .map(drop)
    }

    /// Adds `more` objects to those that the work expects, exactly once: a work that expects too many never completes,
    /// and one that expects too few completes early. After a lost response, the counter of the work is read before a
    /// retry, for at least as long as the request took: a proxy may have timed out before the platform. If the counter
    /// is not readable, the request is assumed to have succeeded.
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
            let failure = match self.send_once(text, variables, context.with_long_timeout()).await {
                Err(failure) if failure.is_retryable() => failure,
                answer => return answer.map(drop),
            };
            let may_be_done = matches!(failure, PlatformError::NoResponse(_) | PlatformError::Failed(_));
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

    /// Queries the counters of a work. Returns `None` if they are not readable.
    pub(super) async fn tracking(
        &self,
        work: &str,
        context: RequestContext<'_>,
    ) -> Result<Option<Tracking>, PlatformError> {
        let data =
            match self.send_with_retry(include_str!("operations/work.graphql"), json!({ "id": work }), context).await {
                Ok(data) => data,
                // Reading works requires a capability that not every account has.
                Err(PlatformError::Rejected { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
        let number = |key: &str| data["work"]["tracking"][key].as_u64().and_then(|number| usize::try_from(number).ok());
        let counted = number("import_expected_number").zip(number("import_processed_number"));
        Ok(counted.map(|(expected, processed)| Tracking { expected, processed }))
    }

    /// Returns whether a work needs no report: it has one, or was deleted. `false` if the work is not readable.
    pub(super) async fn is_reported(&self, work: &str, context: RequestContext<'_>) -> Result<bool, PlatformError> {
        match self.send_with_retry(include_str!("operations/work.graphql"), json!({ "id": work }), context).await {
            Ok(data) => Ok(data["work"].is_null() || !data["work"]["processed_time"].is_null()),
            Err(PlatformError::Rejected { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reports an expected object as imported, or as failed with the reason.
    pub(super) async fn report_expectation(
        &self,
        work: &str,
        error: Option<(&str, &str)>,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let error = error.map(|(error, source)| json!({ "error": printable::line(error), "source": source }));
        let variables = json!({ "id": work, "error": error });
        self.send_with_retry(include_str!("operations/report_expectation.graphql"), variables, context).await.map(drop)
    }

    /// Creates a draft and returns its id.
    pub(super) async fn add_draft(
        &self,
        name: &str,
        entity: &str,
        context: RequestContext<'_>,
    ) -> Result<Option<String>, PlatformError> {
        let variables = json!({ "input": { "name": name, "entity_id": entity } });
        let data = self.send_with_retry(include_str!("operations/add_draft.graphql"), variables, context).await?;
        Ok(data["draftWorkspaceAdd"]["id"].as_str().map(str::to_owned))
    }

    pub(super) async fn add_draft_context(
        &self,
        work: &str,
        draft: &str,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "id": work, "draftContext": draft });
        self.send_with_retry(include_str!("operations/add_draft_context.graphql"), variables, context).await.map(drop)
    }

    /// Sends a whole bundle to the platform, which splits it.
    pub(super) async fn push_bundle(
        &self,
        work: Option<&str>,
        bundle: &str,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "connectorId": self.configuration.id, "bundle": bundle, "work_id": work });
        self.send_with_retry(include_str!("operations/push_bundle.graphql"), variables, context.with_long_timeout())
            .await
            .map(drop)
    }

    /// Completes a step of a playbook. Each completion advances the playbook, so a request whose result is unknown is
    /// not repeated. Returns the reason if the result is unknown.
    pub(super) async fn answer_playbook(
        &self,
        answer: Map<String, Value>,
        context: RequestContext<'_>,
    ) -> Result<Option<String>, PlatformError> {
        let (text, answer) = (include_str!("operations/playbook_step.graphql"), Value::Object(answer));
        let execution = self.retry(context, || async {
            match self.send_once(text, answer.clone(), context).await {
                Err(PlatformError::NoResponse(reason)) => Ok(Some(reason)),
                response => response.map(|_| None),
            }
        });
        execution.await
    }

    /// Uploads a bundle as a pending file, for review by an analyst.
    pub(super) async fn upload(
        &self,
        name: &str,
        bundle: String,
        entity: &str,
        context: RequestContext<'_>,
    ) -> Result<(), PlatformError> {
        let variables = json!({ "file": null, "entityId": entity, "file_markings": [] });
        let text = self.compatible(include_str!("operations/upload_pending.graphql"));
        let operations = json!({ "query": text, "variables": declared_variables(&variables, &text) }).to_string();
        self.retry(context, || async {
            let part = Part::text(bundle.clone()).file_name(name.to_owned()).mime_str("application/json");
            let part = part.map_err(|error| PlatformError::Unreachable(error.to_string()))?;
            let form = Form::new().text("operations", operations.clone()).text("map", r#"{"0":["variables.file"]}"#);
            execute(self.request(context.with_long_timeout()).multipart(form.part("0", part))).await.map(drop)
        })
        .await
    }

    /// Sends an operation, with retries until the deadline.
    async fn send_with_retry(
        &self,
        text: &str,
        variables: Value,
        context: RequestContext<'_>,
    ) -> Result<Value, PlatformError> {
        self.retry(context, || self.send_once(text, variables.clone(), context)).await
    }

    async fn retry<T, F: Future<Output = Result<T, PlatformError>>>(
        &self,
        context: RequestContext<'_>,
        mut once: impl FnMut() -> F,
    ) -> Result<T, PlatformError> {
        let mut wait = WAITS.0;
        loop {
            match once().await {
                Err(failure) if failure.is_retryable() && Instant::now() + wait < context.until => {
                    sleep(wait).await;
                    wait = (wait * 2).min(WAITS.1);
                }
                answer => return answer,
            }
        }
    }

    fn compatible(&self, text: &str) -> String {
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner).clone();
        document(text, &version, &self.unknown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends an operation without retries for connection errors. If the platform does not know a name, the name is
    /// removed and the rest is sent again.
    async fn send_once(
        &self,
        text: &str,
        variables: Value,
        context: RequestContext<'_>,
    ) -> Result<Value, PlatformError> {
        let mut variables = variables;
        for _ in 0..MAX_REDUCTIONS {
            let compatible = self.compatible(text);
            match self.send(&compatible, &declared_variables(&variables, &compatible), context).await {
                Err(PlatformError::Rejected { name, message }) => {
                    let Some(unknown) = message.lines().filter_map(unknown_name).next() else {
                        return Err(PlatformError::Rejected { name, message });
                    };
                    let unknown: BTreeSet<String> =
                        message.lines().filter_map(unknown_name).chain([unknown]).map(str::to_owned).collect();
                    let is_input =
                        variables.get("input").is_some_and(|input| unknown.iter().any(|key| input.get(key).is_some()));
                    let is_new = self.add_unknown(&unknown);
                    if let Some(input) = variables.get_mut("input").and_then(Value::as_object_mut) {
                        input.retain(|key, _| !unknown.contains(key));
                    }
                    if !is_new && !is_input {
                        return Err(PlatformError::Rejected { name, message });
                    }
                }
                answer => return answer,
            }
        }
        Err(PlatformError::Rejected {
            name: "GRAPHQL_VALIDATION_FAILED".into(),
            message: "too many unsupported fields".into(),
        })
    }

    fn add_unknown(&self, names: &BTreeSet<String>) -> bool {
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
        let response = execute(self.request(context).json(&json!({ "query": text, "variables": variables }))).await;
        match &response {
            Ok(_) | Err(PlatformError::Rejected { .. } | PlatformError::Failed(_)) => self.ready.set_platform(true),
            Err(PlatformError::Unreachable(_) | PlatformError::WrongServer(_) | PlatformError::Unauthorized(_)) => {
                self.ready.set_platform(false)
            }
            // The platform may be busy with this request only.
            Err(PlatformError::NoResponse(_)) => {}
        }
        response
    }
}

/// Returns the headers of every request; headers of the operator override ours.
fn headers(configuration: &Configuration) -> anyhow::Result<HeaderMap> {
    let token = format!("Bearer {}", configuration.token.as_str());
    let mut token = HeaderValue::from_str(&token)
        .context("invalid OPENCTI_TOKEN: expected characters permitted in an HTTP header")?;
    token.set_sensitive(true);
    let mut headers = HeaderMap::from_iter([(AUTHORIZATION, token)]);
    headers.extend(configuration.headers.clone());
    Ok(headers)
}

/// Keeps the variables that a document declares: undeclared ones are an error in GraphQL.
fn declared_variables(variables: &Value, document: &str) -> Value {
    let Some(keys) = variables.as_object() else { return json!({}) };
    let is_declared = |key: &str| document.contains(&format!("${key}:"));
    Value::Object(
        keys.iter().filter(|(key, _)| is_declared(key)).map(|(key, value)| (key.clone(), value.clone())).collect(),
    )
}
