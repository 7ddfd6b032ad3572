//! Consumes the connector's queue: each delivery is processed in a task of its own and acknowledged, rejected or requeued. After a
//! broken connection the consumer reconnects; deliveries in progress continue, and their redeliveries wait for them.

use super::acknowledgement::Disposition;
use super::broker;
use super::enrichment::{self, IncomingMessage, handle};
use super::instance::{Connector, WAITS};
use super::log::{no_attributes, with_reason};
use anyhow::{Context, bail};
use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicNackOptions, BasicRejectOptions};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

/// Delay before a delivery that could not be reported is requeued.
const REQUEUE_DELAY: Duration = Duration::from_secs(5);

/// Consumes messages until the connector is stopped; reconnects to the broker with exponential backoff.
pub(super) async fn consume(connector: &Arc<Connector>, stopped: &mut watch::Receiver<bool>) -> anyhow::Result<()> {
    let (mut wait, mut in_progress) = (WAITS.0, JoinSet::new());
    let mut was_connected = false;
    loop {
        let address = connector.address().context("the connector is not registered")?;
        connector.log.info("ListenQueue connecting to RabbitMQ.", no_attributes());
        let inbox = tokio::select! {
            inbox = broker::listen(&address, connector.configuration.concurrency) => inbox,
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        };
        let reason = match inbox {
            Ok(inbox) => {
                connector.metrics.ready.set_listening(true);
                connector.log.info("Starting ListenQueue thread", no_attributes());
                (wait, was_connected) = (WAITS.0, true);
                match receive(connector, inbox, stopped, &mut in_progress).await {
                    End::Stopped => return Ok(()),
                    End::Disconnected(reason) => reason,
                }
            }
            // The operator's settings override the platform's, so that no new registration can help.
            Err(error)
                if !was_connected
                    && broker::is_access_refused(&error)
                    && connector.configuration.broker.overrides_credentials() =>
            {
                bail!("the broker rejected MQ_USER, MQ_PASS or MQ_VHOST: {error}")
            }
            Err(error) => error.to_string(),
        };
        connector.journal.extend_retention();
        connector.metrics.ready.set_listening(false);
        connector.log.error("Cannot consume from RabbitMQ; retrying", with_reason(reason));
        // The platform declares the queues at registration and at each ping.
        connector.registration_due.notify_one();
        tokio::select! {
            () = sleep(wait) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        }
        wait = (wait * 2).min(WAITS.1);
    }
}

/// Why receiving ended.
enum End {
    Stopped,
    Disconnected(String),
}

async fn receive(
    connector: &Arc<Connector>,
    mut inbox: broker::Inbox,
    stopped: &mut watch::Receiver<bool>,
    in_progress: &mut JoinSet<()>,
) -> End {
    loop {
        tokio::select! {
            message = inbox.messages.next() => match message {
                Some(Ok(message)) => drop(in_progress.spawn(process(Arc::clone(connector), message))),
                Some(Err(error)) => return End::Disconnected(error.to_string()),
                None => return End::Disconnected("the broker cancelled the consumer".to_owned()),
            },
            Some(_) = in_progress.join_next() => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    // Deliveries in progress may end within the grace period; closing the connection requeues the others.
    let all = async {
        let _ = inbox.channel.basic_cancel("stixmap".into(), BasicCancelOptions::default()).await;
        while in_progress.join_next().await.is_some() {}
    };
    if timeout(connector.configuration.grace_period, all).await.is_err() {
        connector.log.warning("Requeued unfinished deliveries", no_attributes());
    }
    End::Stopped
}

/// Processes one delivery and acknowledges, rejects or requeues it.
async fn process(connector: Arc<Connector>, message: lapin::message::Delivery) {
    connector.metrics.begin();
    let acker = message.acker.clone();
    let result = match process_once(&connector, &message).await {
        Disposition::Acknowledge => {
            connector.metrics.delivered("done");
            let result = acker.ack(BasicAckOptions::default()).await;
            if matches!(result, Ok(true)) {
                connector.journal.entry(&message.data, false).close();
            }
            result
        }
        Disposition::Reject => {
            connector.metrics.delivered("rejected");
            acker.reject(BasicRejectOptions { requeue: false }).await
        }
        Disposition::Requeue => {
            connector.metrics.delivered("again");
            sleep(REQUEUE_DELAY).await;
            acker.nack(BasicNackOptions { requeue: true, ..Default::default() }).await
        }
    };
    connector.metrics.end();
    let reason = match result {
        Ok(true) => return,
        Ok(false) => "the connection of the delivery is closed".to_owned(),
        Err(error) => error.to_string(),
    };
    connector.journal.extend_retention();
    connector.log.warning("Cannot settle delivery", with_reason(reason));
}

async fn process_once(connector: &Arc<Connector>, message: &lapin::message::Delivery) -> Disposition {
    let (body, patience) = (&message.data[..], connector.configuration.delivery_timeout);
    let until = Instant::now() + patience;
    let incoming = IncomingMessage { body, is_redelivered: message.redelivered, until, acker: Some(&message.acker) };
    let (mut disposition, mut is_duplicate) = (Disposition::Acknowledge, true);
    let work = async {
        is_duplicate = false;
        let is_late = incoming.is_late(patience / 2);
        disposition = if is_late { Disposition::Requeue } else { handle_in_task(connector, incoming).await };
        disposition == Disposition::Acknowledge
    };
    connector.single_flight.once(body, work).await;
    if is_duplicate {
        enrichment::log_duplicate(connector, body);
    }
    disposition
}

/// Handles a message in a task of its own, so that a panic ends only this delivery and is reported.
pub(super) async fn handle_in_task(connector: &Arc<Connector>, incoming: IncomingMessage<'_>) -> Disposition {
    let task = {
        let (connector, body, acker) = (Arc::clone(connector), incoming.body.to_vec(), incoming.acker.cloned());
        let IncomingMessage { is_redelivered, until, .. } = incoming;
        spawn(async move {
            handle(&connector, IncomingMessage { body: &body, is_redelivered, until, acker: acker.as_ref() }).await
        })
    };
    report_panic_of(connector, incoming, task).await
}

/// Waits for the task of a delivery; if it panicked, reports that.
async fn report_panic_of(
    connector: &Connector,
    incoming: IncomingMessage<'_>,
    task: AbortOnDrop<Disposition>,
) -> Disposition {
    match task.await {
        Ok(disposition) => disposition,
        Err(failure) => {
            connector.log.error("Delivery panicked", with_reason(failure));
            Box::pin(enrichment::report_panic(connector, incoming)).await
        }
    }
}

/// Spawns a task that is aborted when its handle is dropped; awaiting the handle returns a panic as an error.
fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> AbortOnDrop<T> {
    AbortOnDrop(tokio::spawn(work))
}

/// Handle of a task that is aborted on drop.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::super::configuration::Configuration;
    use super::super::sources::Values;
    use super::super::{ProfileArgument, connector};
    use super::*;
    use http_body_util::{BodyExt, Full};
    use hyper::Response;
    use hyper::body::Bytes;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use serde_json::{Value, json};
    use stixmap_engine::diagnostic::Source;
    use stixmap_engine::plan::{Plan, Settings};
    use tokio::net::TcpListener;
    use tokio::runtime::Builder;
    use tokio::sync::{mpsc, oneshot};

    /// Starts a platform that accepts everything. Returns its URL and the requests in order.
    async fn platform() -> (String, mpsc::UnboundedReceiver<Value>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, requests) = mpsc::unbounded_channel();
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let sender = sender.clone();
            async move {
                let body = request.into_body().collect().await?.to_bytes();
                sender.send(serde_json::from_slice(&body).expect("JSON")).expect("the test listens");
                hyper::Result::Ok(Response::new(Full::new(Bytes::from(json!({ "data": {} }).to_string()))))
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
            }
        });
        (url, requests)
    }

    fn connector_at(url: &str, journal: &std::path::Path) -> Connector {
        let text = include_str!("../../tests/providers/lines/profile.yaml");
        let plan = Plan::read(&Source::new("profile.yaml", text)).expect("a profile");
        let journal = journal.to_str().expect("a UTF-8 path");
        let variables = [("OPENCTI_URL", url), ("OPENCTI_TOKEN", "t"), ("CONNECTOR_ID", "c")];
        let variables = variables.into_iter().chain([("CONNECTOR_JOURNAL_PATH", journal)]);
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let configuration = Configuration::read(&mut Values::new(variables, serde_yaml::Value::Null, None), &plan);
        let settings = Settings::read(&plan.settings, |spec| spec.required.then(|| "k".to_owned())).expect("settings");
        let profile = ProfileArgument { name: "lines".to_owned(), profiles: None, config: None };
        connector(configuration, profile, plan, settings, crate::memory::Budget::new(8)).expect("a connector")
    }

    #[tokio::test]
    async fn panicking_delivery_is_reported_once() {
        let ((url, mut requests), journal) = (platform().await, tempfile::tempdir().expect("a folder"));
        let connector = connector_at(&url, journal.path());
        let body = json!({ "internal": { "work_id": "w" }, "event": { "entity_id": "domain-name--1" } }).to_string();
        let (body, until) = (body.as_bytes(), Instant::now());
        let incoming = IncomingMessage { body, is_redelivered: false, until, acker: None };
        let disposition = report_panic_of(&connector, incoming, spawn(async { panic!("simulated") })).await;
        assert_eq!(disposition, Disposition::Acknowledge);
        let request = requests.recv().await.expect("a report");
        assert!(request["query"].as_str().is_some_and(|query| query.contains("toProcessed")), "{request}");
        let message = request["variables"]["message"].as_str().unwrap_or_default();
        assert!(request["variables"]["inError"] == true && message.contains("internal error"), "{request}");
        // A redelivery is only acknowledged.
        assert!(connector.journal.entry(body, true).is_reported() && requests.is_empty());
    }

    #[test]
    fn panic_ends_only_its_own_task() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime");
        let panicked = runtime.block_on(async { spawn(async { panic!("simulated") }).await });
        assert!(panicked.is_err_and(|failure: JoinError| failure.is_panic()));
        assert_eq!(runtime.block_on(async { spawn(async { 1 }).await }).ok(), Some(1));
    }

    #[test]
    fn task_is_aborted_when_its_handle_is_dropped() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime");
        let (alive, ended) = oneshot::channel::<()>();
        let work = async {
            let _alive = alive;
            std::future::pending::<()>().await;
        };
        runtime.block_on(async {
            drop(timeout(Duration::ZERO, spawn(work)).await);
            assert!(ended.await.is_err(), "the task is dropped");
        });
    }
}
