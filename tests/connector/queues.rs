//! The platform's side of the broker: declares exchanges and queues of a connector, publishes messages to it, and
//! consumes as a worker. Each operation reconnects after the broker was unreachable.

use super::rabbit::{Broker, PASSWORD, USER};
use futures_util::future::try_join_all;
use futures_util::{FutureExt, StreamExt};
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

pub(crate) const LISTEN_EXCHANGE: &str = "amqp.connector.exchange";
pub(crate) const PUSH_EXCHANGE: &str = "amqp.worker.exchange";

pub(crate) struct Queues {
    pub(crate) broker: Arc<Broker>,
    pub(crate) host: String,
    open: Mutex<Option<(Connection, Channel)>>,
}

impl Queues {
    pub(crate) fn new(broker: Arc<Broker>) -> Queues {
        let host = broker.host();
        Queues { broker, host, open: Mutex::new(None) }
    }

    async fn connect(&self) -> lapin::Result<(Connection, Channel)> {
        let uri = format!("amqp://{USER}:{PASSWORD}@127.0.0.1:{}/{}", self.broker.amqp, self.host);
        let connection = Connection::connect(&uri, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok((connection, channel))
    }

    /// Returns a channel, a new one if the last was closed; `None` while the broker is unreachable.
    async fn channel(&self) -> Option<Channel> {
        let mut open = self.open.lock().await;
        if open.as_ref().is_none_or(|(_, channel)| !channel.status().connected()) {
            *open = self.connect().await.inspect_err(|error| eprintln!("the broker: {error}")).ok();
        }
        open.as_ref().map(|(_, channel)| channel.clone())
    }

    /// Declares the queues of a connector, as the platform does at registration and at each ping.
    pub(crate) async fn declare(&self, connector: &str) -> lapin::Result<()> {
        // While the broker is unreachable nothing can be declared: the next ping does it.
        let Some(channel) = self.channel().await else { return Ok(()) };
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        for (exchange, kind) in [(LISTEN_EXCHANGE, "listen"), (PUSH_EXCHANGE, "push")] {
            let mut arguments = FieldTable::default();
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("classic".into()));
            // The default of RabbitMQ 4, which the version of Debian needs as an argument.
            arguments.insert("x-queue-version".into(), AMQPValue::LongInt(2));
            let (queue, key) = (format!("{kind}_{connector}"), format!("{kind}_routing_{connector}"));
            let queue = ShortString::from(queue);
            let none = FieldTable::default;
            channel.exchange_declare(exchange.into(), ExchangeKind::Direct, durable, none()).await?;
            channel.queue_declare(queue.clone(), QueueDeclareOptions::durable(), arguments).await?;
            channel.queue_bind(queue, exchange.into(), key.into(), QueueBindOptions::default(), none()).await?;
        }
        Ok(())
    }

    /// Publishes a message to the listen queue of a connector, with a publisher confirm.
    pub(crate) async fn publish(&self, connector: &str, body: &[u8]) {
        let channel = self.channel().await.expect("the broker is there");
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let key = format!("listen_routing_{connector}");
        let confirm = channel.basic_publish(LISTEN_EXCHANGE.into(), key.into(), options, body, properties).await;
        let confirmation = confirm.expect("the channel is open").await.expect("the broker confirms");
        assert!(confirmation.take_message().is_none(), "the connector has a listen queue");
    }

    /// Publishes messages to the push queue of a connector as fast as the broker accepts them.
    #[allow(dead_code, reason = "`benches/connector.rs` measures with it")]
    pub(crate) async fn push(&self, connector: &str, messages: &[Vec<u8>]) {
        let channel = self.channel().await.expect("the broker is there");
        let (options, key) = (BasicPublishOptions::default(), ShortString::from(format!("push_routing_{connector}")));
        let publish = |message| {
            let properties = BasicProperties::default().with_delivery_mode(2);
            channel.basic_publish(PUSH_EXCHANGE.into(), key.clone(), options, message, properties)
        };
        let mut confirms = vec![];
        for messages in messages.chunks(64) {
            let sent = try_join_all(messages.iter().map(|message| publish(message))).await;
            confirms.extend(sent.expect("the channel is open"));
        }
        try_join_all(confirms).await.expect("the broker confirms");
    }

    /// Returns the number of ready messages and of consumers; `None` if the queue does not exist.
    pub(crate) async fn depth(&self, queue: &str) -> Option<(u32, u32)> {
        self.channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        // A separate channel: the broker closes it if the queue does not exist.
        let channel = self.open.lock().await.as_ref()?.0.create_channel().await.ok()?;
        let declared = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok()?;
        let _ = channel.close(200, "OK".into()).await;
        Some((declared.message_count(), declared.consumer_count()))
    }

    pub(crate) async fn purge(&self, connector: &str) {
        let channel = self.channel().await.expect("the broker is there");
        for queue in [format!("listen_{connector}"), format!("push_{connector}")] {
            channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.expect("the queue is there");
        }
    }

    /// Deletes a queue; its consumers are cancelled.
    pub(crate) async fn delete(&self, queue: &str) {
        let channel = self.channel().await.expect("the broker is there");
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.expect("it is there or not");
    }

    /// Consumes a queue forever: `take` returns whether the message is acknowledged or requeued.
    pub(crate) async fn consume<F: Future<Output = bool>>(&self, queue: &str, mut take: impl FnMut(Delivery) -> F) {
        loop {
            // Reconnects after any error, as a worker does.
            let _ = self.consume_once(queue, &mut take).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn consume_once<F: Future<Output = bool>>(
        &self,
        queue: &str,
        take: &mut impl FnMut(Delivery) -> F,
    ) -> lapin::Result<()> {
        let (_connection, channel) = self.connect().await?;
        channel.basic_qos(200, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let mut messages = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
        // Messages are acknowledged together while more are ready, to reduce the load of the broker.
        let mut taken: Option<Acker> = None;
        loop {
            let next = match messages.next().now_or_never() {
                Some(next) => next,
                None => {
                    acknowledge(taken.take()).await?;
                    messages.next().await
                }
            };
            let Some(message) = next.transpose()? else { return acknowledge(taken).await };
            let acker = message.acker.clone();
            match take(message).await {
                true => taken = Some(acker),
                false => {
                    acknowledge(taken.take()).await?;
                    acker.nack(BasicNackOptions { requeue: true, ..Default::default() }).await?;
                }
            }
        }
    }
}

/// Acknowledges a message and all before it.
async fn acknowledge(last: Option<Acker>) -> lapin::Result<()> {
    match last {
        Some(last) => last.ack(BasicAckOptions { multiple: true }).await.map(drop),
        None => Ok(()),
    }
}
