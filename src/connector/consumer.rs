//! Messages of the broker, as long as the connector lives: each is dealt with in a task of its own, and the broker hears what
//! became of it. The broker may come and go; what is under way then ends, and what it brings again waits for that end.

use super::enrichment::{self, Ack, IncomingMessage, deal};
use super::log::{because, nothing};
use super::{Connector, WAITS, broker};
use anyhow::{Context, bail};
use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicNackOptions, BasicRejectOptions};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

/// How long a message that nobody can be told about rests before it is tried again.
const REST: Duration = Duration::from_secs(5);

/// Takes messages as long as the connector lives; the broker may come and go.
pub(super) async fn consume(connector: &Arc<Connector>, stopped: &mut watch::Receiver<bool>) -> anyhow::Result<()> {
    let (mut wait, mut under_way) = (WAITS.0, JoinSet::new());
    let mut was_let_in = false;
    loop {
        let address = connector.address().context("the connector is registered")?;
        connector.log.info("ListenQueue connecting to RabbitMQ.", nothing());
        let inbox = tokio::select! {
            inbox = broker::listen(&address, connector.configuration.concurrency) => inbox,
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        };
        let reason = match inbox {
            Ok(inbox) => {
                connector.metrics.ready.set_listening(true);
                connector.log.info("Starting ListenQueue thread", nothing());
                (wait, was_let_in) = (WAITS.0, true);
                match take(connector, inbox, stopped, &mut under_way).await {
                    Taken::Stopped => return Ok(()),
                    Taken::Broken(reason) => reason,
                }
            }
            // What the operator said stands above what the platform will ever say.
            Err(error) if !was_let_in && broker::is_refusal(&error) && connector.configuration.broker.says_who() => {
                bail!("MQ_USER, MQ_PASS or MQ_VHOST is not accepted by the broker: {error}")
            }
            Err(error) => error.to_string(),
        };
        connector.journal.doubt();
        connector.metrics.ready.set_listening(false);
        connector.log.error("The broker cannot be listened to", because(reason));
        // The platform declares queues when it is pinged or registered with.
        connector.again.notify_one();
        tokio::select! {
            () = sleep(wait) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        }
        wait = (wait * 2).min(WAITS.1);
    }
}

enum Taken {
    Stopped,
    Broken(String),
}

async fn take(
    connector: &Arc<Connector>,
    mut inbox: broker::Inbox,
    stopped: &mut watch::Receiver<bool>,
    under_way: &mut JoinSet<()>,
) -> Taken {
    loop {
        tokio::select! {
            message = inbox.messages.next() => match message {
                Some(Ok(message)) => drop(under_way.spawn(one(Arc::clone(connector), message))),
                Some(Err(error)) => return Taken::Broken(error.to_string()),
                None => return Taken::Broken("the queue is gone".to_owned()),
            },
            Some(_) = under_way.join_next() => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    // Nothing new; what is under way may end, and what does not goes back with the connection.
    let all = async {
        let _ = inbox.channel.basic_cancel("stixmap".into(), BasicCancelOptions::default()).await;
        while under_way.join_next().await.is_some() {}
    };
    if timeout(connector.configuration.grace, all).await.is_err() {
        connector.log.warning("What is under way goes back to the queue", nothing());
    }
    Taken::Stopped
}

/// One message, whatever becomes of it.
async fn one(connector: Arc<Connector>, message: lapin::message::Delivery) {
    connector.metrics.begin();
    let acker = message.acker.clone();
    let told = match verdict(&connector, &message).await {
        Ack::Done => {
            connector.metrics.delivered("done");
            let told = acker.ack(BasicAckOptions::default()).await;
            if matches!(told, Ok(true)) {
                connector.journal.entry(&message.data, false).close();
            }
            told
        }
        Ack::NoMessage => {
            connector.metrics.delivered("rejected");
            acker.reject(BasicRejectOptions { requeue: false }).await
        }
        Ack::Again => {
            connector.metrics.delivered("again");
            sleep(REST).await;
            acker.nack(BasicNackOptions { requeue: true, ..Default::default() }).await
        }
    };
    connector.metrics.end();
    let reason = match told {
        Ok(true) => return,
        Ok(false) => "the connection that it came by is gone".to_owned(),
        Err(error) => error.to_string(),
    };
    connector.journal.doubt();
    connector.log.warning("The broker does not hear what became of a message", because(reason));
}

async fn verdict(connector: &Arc<Connector>, message: &lapin::message::Delivery) -> Ack {
    let (body, patience) = (&message.data[..], connector.configuration.patience);
    let until = Instant::now() + patience;
    let brought = IncomingMessage { body, comes_again: message.redelivered, until, acker: Some(&message.acker) };
    let (mut verdict, mut is_repeated) = (Ack::Done, true);
    let dealing = async {
        is_repeated = false;
        verdict = if brought.is_late(patience / 2) { Ack::Again } else { dealt(connector, brought).await };
        verdict == Ack::Done
    };
    connector.turns.once(body, dealing).await;
    if is_repeated {
        enrichment::repeated(connector, body);
    }
    verdict
}

/// Deals with a message in a task of its own: a panic costs its delivery, and is told.
pub(super) async fn dealt(connector: &Arc<Connector>, brought: IncomingMessage<'_>) -> Ack {
    let dealing = {
        let (connector, body, acker) = (Arc::clone(connector), brought.body.to_vec(), brought.acker.cloned());
        let IncomingMessage { comes_again, until, .. } = brought;
        alone(async move {
            deal(&connector, IncomingMessage { body: &body, comes_again, until, acker: acker.as_ref() }).await
        })
    };
    unbroken(connector, brought, dealing).await
}

/// What became of a message. Where dealing with it panicked, that is reported.
async fn unbroken(connector: &Connector, brought: IncomingMessage<'_>, dealing: AbortOnDrop<Ack>) -> Ack {
    match dealing.await {
        Ok(verdict) => verdict,
        Err(failure) => {
            connector.log.error("A delivery broke off", because(failure));
            Box::pin(enrichment::broken(connector, brought)).await
        }
    }
}

/// Does work in a task of its own, which ends when nobody waits for it any more. Whoever waits hears of a panic.
fn alone<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> AbortOnDrop<T> {
    AbortOnDrop(tokio::spawn(work))
}

/// A task that ends when nobody waits for it any more.
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

    /// A platform that says yes to everything; and what it is asked, in order.
    async fn platform() -> (String, mpsc::UnboundedReceiver<Value>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (asked, asks) = mpsc::unbounded_channel();
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let asked = asked.clone();
            async move {
                let body = request.into_body().collect().await?.to_bytes();
                asked.send(serde_json::from_slice(&body).expect("JSON")).expect("the test listens");
                hyper::Result::Ok(Response::new(Full::new(Bytes::from(json!({ "data": {} }).to_string()))))
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
            }
        });
        (url, asks)
    }

    fn connector_at(url: &str, journal: &std::path::Path) -> Connector {
        let text = include_str!("../../tests/providers/lines/profile.yaml");
        let plan = Plan::read(&Source::new("profile.yaml", text)).expect("a profile");
        let journal = journal.to_str().expect("a path that is text");
        let variables = [("OPENCTI_URL", url), ("OPENCTI_TOKEN", "t"), ("CONNECTOR_ID", "c")];
        let variables = variables.into_iter().chain([("CONNECTOR_JOURNAL_PATH", journal)]);
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let configuration = Configuration::read(&mut Values::new(variables, serde_yaml::Value::Null, None), &plan);
        let settings = Settings::read(&plan.settings, |spec| spec.required.then(|| "k".to_owned())).expect("settings");
        let profile = ProfileArgument { name: "lines".to_owned(), shelf: None, config: None };
        connector(configuration, profile, plan, settings, crate::memory::Budget::new(8)).expect("a connector")
    }

    #[tokio::test]
    async fn a_delivery_that_panics_is_reported_once() {
        let ((url, mut asks), journal) = (platform().await, tempfile::tempdir().expect("a folder"));
        let connector = connector_at(&url, journal.path());
        let body = json!({ "internal": { "work_id": "w" }, "event": { "entity_id": "domain-name--1" } }).to_string();
        let (body, until) = (body.as_bytes(), Instant::now());
        let brought = IncomingMessage { body, comes_again: false, until, acker: None };
        let verdict = unbroken(&connector, brought, alone(async { panic!("as if there were a fault") })).await;
        assert_eq!(verdict, Ack::Done);
        let told = asks.recv().await.expect("it is told");
        assert!(told["query"].as_str().is_some_and(|query| query.contains("toProcessed")), "{told}");
        let said = told["variables"]["message"].as_str().unwrap_or_default();
        assert!(told["variables"]["inError"] == true && said.contains("the connector has a fault"), "{told}");
        // Should the broker bring it again, it is known.
        assert!(connector.journal.entry(body, true).is_concluded() && asks.is_empty());
    }

    #[test]
    fn a_panic_costs_its_work_alone() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime");
        let panicked = runtime.block_on(async { alone(async { panic!("as if there were a fault") }).await });
        assert!(panicked.is_err_and(|failure: JoinError| failure.is_panic()));
        assert_eq!(runtime.block_on(async { alone(async { 1 }).await }).ok(), Some(1));
    }

    #[test]
    fn work_ends_when_nobody_waits_for_it() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime");
        let (alive, ended) = oneshot::channel::<()>();
        let work = async {
            let _alive = alive;
            std::future::pending::<()>().await;
        };
        runtime.block_on(async {
            drop(timeout(Duration::ZERO, alone(work)).await);
            assert!(ended.await.is_err(), "what the work held is let go");
        });
    }
}
