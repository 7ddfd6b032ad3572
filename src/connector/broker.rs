//! The broker: one connection that brings messages, and one channel of confirmed publishing that lives as long. What broke is
//! opened again by whoever needs it next; queues are the platform's, and are never declared here.

use super::configuration::{BrokerOverrides, bare};
use anyhow::{Context, bail, ensure};
use futures_util::future::try_join_all;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::tcp::{AsyncTcpStream, RustlsConnector};
use lapin::types::{FieldTable, ShortString};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ErrorKind};
use rustls::ClientConfig;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A beat is missed after so many seconds; the same as pycti's.
const HEARTBEAT: u16 = 10;

/// How long connecting may take.
const BRING_UP: Duration = Duration::from_secs(15);

/// The largest message that is sent: RabbitMQ 4 takes 16 MiB, and closes the channel on more.
pub(super) const LARGEST: usize = 15 * 1024 * 1024;

/// The longest frame. A connection has room for 64 of them all the time, as long as the broker's own would be 8 MiB; longer
/// messages come and go in several.
const FRAME: u32 = 16 * 1024;

/// So many messages are handed over at once, unless they have so many octets before: each by itself would cost both sides a
/// system call.
const BATCH: (usize, usize) = (64, 1024 * 1024);

/// How many messages may be under way to the broker while more are handed over.
const PIPELINE: usize = 256;

/// After so many confirmed messages it is made sure that the broker has them.
const CHECKED: usize = 256;

/// Where the broker is, and which queues are the connector's.
#[derive(Debug, Clone)]
pub(super) struct Address {
    uri: AMQPUri,
    tls: Option<Arc<ClientConfig>>,
    pub(super) listen: String,
    push: String,
    exchange: String,
    routing: String,
}

impl Address {
    /// What the platform says at registration, under what the operator says.
    pub(super) fn read(registered: &Value, overrides: &BrokerOverrides) -> anyhow::Result<Address> {
        let config = &registered["config"];
        let told = &config["connection"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let host = overrides.host.clone().or_else(|| text(&told["host"])).context("the platform names no broker")?;
        // A resolver, and a certificate, know an address without them.
        let host = bare(&host).to_owned();
        let is_tls = overrides.use_ssl.unwrap_or_else(|| told["use_ssl"].as_bool().unwrap_or(false));
        let told_port = told["port"].as_u64().or_else(|| told["port"].as_str()?.parse().ok());
        let port = overrides.port.or_else(|| told_port.and_then(|port| u16::try_from(port).ok()));
        let user = overrides.user.clone().or_else(|| text(&told["user"])).unwrap_or_default();
        let password = overrides.password.as_ref().map(|password| password.to_string()).or_else(|| text(&told["pass"]));
        let queue = |key: &str| text(&config[key]).with_context(|| format!("the platform does not say `{key}`"));
        let tls = overrides.tls.clone().filter(|_| is_tls);
        // Without it the connection would be in the clear.
        ensure!(tls.is_some() == is_tls, "the broker speaks TLS, which cannot be set up");
        Ok(Address {
            uri: AMQPUri {
                scheme: if is_tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
                authority: AMQPAuthority {
                    userinfo: AMQPUserInfo { username: user, password: password.unwrap_or_default() },
                    host,
                    port: port.unwrap_or(if is_tls { 5671 } else { 5672 }),
                },
                vhost: overrides.vhost.clone().or_else(|| text(&told["vhost"])).unwrap_or_else(|| "/".to_owned()),
                query: AMQPQueryString {
                    heartbeat: Some(HEARTBEAT),
                    frame_max: Some(FRAME),
                    connection_timeout: Some(10_000),
                    ..Default::default()
                },
            },
            tls,
            listen: queue("listen")?,
            push: queue("push")?,
            exchange: queue("push_exchange")?,
            routing: queue("push_routing")?,
        })
    }

    async fn connect(&self) -> lapin::Result<Connection> {
        let runtime = lapin::runtime::default_runtime()?;
        let properties = ConnectionProperties::default().with_connection_name("stixmap".into());
        let place = (self.uri.authority.host.as_str(), self.uri.authority.port);
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host(place).await?.collect();
        let tls = self.tls.clone();
        let dial = async move |uri: AMQPUri, runtime| {
            let stream = AsyncTcpStream::connect(&runtime, addresses.clone()).await?;
            match &tls {
                None => Ok(stream),
                Some(tls) => {
                    let connector = RustlsConnector::from(Arc::clone(tls));
                    Ok(stream.into_rustls(&connector, &uri.authority.host).await?)
                }
            }
        };
        let connecting = Connection::connector(self.uri.clone(), runtime, dial, properties);
        tokio::time::timeout(BRING_UP, connecting).await.unwrap_or_else(|_| {
            Err(ErrorKind::IOError(std::sync::Arc::new(std::io::ErrorKind::TimedOut.into())).into())
        })
    }
}

/// Messages as they come, as long as the connection lives.
pub(super) struct Inbox {
    _connection: Connection,
    pub(super) channel: Channel,
    pub(super) messages: Consumer,
}

/// Opens the listen queue.
pub(super) async fn listen(address: &Address, prefetch: u16) -> lapin::Result<Inbox> {
    let connection = address.connect().await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let (queue, tag) = (ShortString::from(address.listen.clone()), ShortString::from("stixmap"));
    let messages = channel.basic_consume(queue, tag, BasicConsumeOptions::default(), FieldTable::default()).await?;
    Ok(Inbox { _connection: connection, channel, messages })
}

/// Whether the broker was reached, and does not let this user in, or not there.
pub(super) fn is_refusal(error: &lapin::Error) -> bool {
    // RabbitMQ's 403 ACCESS_REFUSED and 530 NOT_ALLOWED.
    matches!(error.kind(), ErrorKind::ProtocolError(error) if [403, 530].contains(&error.get_id()))
}

/// Sends messages to the workers.
#[derive(Default)]
pub(super) struct Outbox {
    open: Mutex<Option<(Connection, Channel)>>,
}

impl Outbox {
    async fn channel(&self, address: &Address) -> anyhow::Result<Channel> {
        let mut open = self.open.lock().await;
        if let Some((connection, channel)) = open.as_ref()
            && connection.status().connected()
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        let connection = address.connect().await.context("the broker cannot be reached")?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        *open = Some((connection, channel.clone()));
        Ok(channel)
    }

    /// Sends all messages, and waits till the broker has them. `certain` hears how many it has for certain, whenever that is
    /// known anew; after a failure, what was certain last still is.
    pub(super) async fn send(
        &self,
        address: &Address,
        mut messages: impl Iterator<Item = Vec<u8>>,
        mut certain: impl FnMut(usize),
    ) -> anyhow::Result<()> {
        let channel = self.channel(address).await?;
        let (mut confirmed, mut waiting) = (0, VecDeque::with_capacity(PIPELINE + BATCH.0));
        loop {
            let batch = batch(&mut messages);
            if batch.is_empty() {
                break;
            }
            while waiting.len() > PIPELINE {
                confirm(&mut waiting).await?;
                confirmed += 1;
                if confirmed % CHECKED == 0 {
                    still_there(&channel, address).await?;
                    certain(confirmed);
                }
            }
            // They are written in the order in which they are asked to be.
            waiting.extend(try_join_all(batch.iter().map(|message| publish(&channel, address, message))).await?);
        }
        while !waiting.is_empty() {
            confirm(&mut waiting).await?;
            confirmed += 1;
        }
        still_there(&channel, address).await?;
        certain(confirmed);
        Ok(())
    }
}

/// The next messages, one at least.
fn batch(messages: &mut impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut octets = 0;
    let mut batch = Vec::with_capacity(BATCH.0);
    while batch.len() < BATCH.0 && octets < BATCH.1 {
        let Some(message) = messages.next() else { break };
        octets += message.len();
        batch.push(message);
    }
    batch
}

/// Waits till the broker has the message that was sent first.
async fn confirm(
    waiting: &mut VecDeque<impl Future<Output = lapin::Result<Confirmation>> + Unpin>,
) -> anyhow::Result<()> {
    match waiting.pop_front() {
        Some(first) => first.await.context("the broker broke off").and_then(accepted),
        None => Ok(()),
    }
}

/// A broker that is stopped in good order confirms messages that its queue had no time to take. Where the queue still
/// answers afterwards, it was not that.
async fn still_there(channel: &Channel, address: &Address) -> anyhow::Result<()> {
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let asked = channel.queue_declare(address.push.as_str().into(), passive, FieldTable::default()).await;
    asked.map(drop).context("the broker ended when it had confirmed")
}

/// Sends a message; what it gives says later whether the broker has it.
async fn publish(
    channel: &Channel,
    address: &Address,
    message: &[u8],
) -> anyhow::Result<impl Future<Output = lapin::Result<Confirmation>> + Unpin + use<>> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = BasicProperties::default().with_delivery_mode(2).with_content_encoding("utf-8".into());
    let (exchange, routing) = (address.exchange.clone().into(), address.routing.clone().into());
    channel.basic_publish(exchange, routing, options, message, properties).await.context("the broker broke off")
}

/// A message that no queue took is not sent, whatever else the broker says.
fn accepted(confirmation: Confirmation) -> anyhow::Result<()> {
    match confirmation {
        Confirmation::Ack(None) | Confirmation::NotRequested => Ok(()),
        Confirmation::Ack(Some(_)) => bail!("the broker has no queue for it"),
        Confirmation::Nack(_) => bail!("the broker does not take it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hosts_are_those_that_a_resolver_knows_however_an_address_is_written() {
        for (said, told, expected) in [
            (Some("[::1]"), "rabbitmq", "::1"),
            (Some("::1"), "rabbitmq", "::1"),
            (Some("[2001:db8:0:0:0:0:0:1]"), "rabbitmq", "2001:db8:0:0:0:0:0:1"),
            (Some("[::ffff:192.0.2.1]"), "rabbitmq", "::ffff:192.0.2.1"),
            (Some("[fe80::1%eth0]"), "rabbitmq", "fe80::1%eth0"),
            (Some("broker.example"), "[::1]", "broker.example"),
            (None, "[::1]", "::1"),
            (None, "rabbitmq", "rabbitmq"),
            (None, "192.0.2.1", "192.0.2.1"),
        ] {
            let queues = json!({ "listen": "l", "push": "p", "push_exchange": "e", "push_routing": "r" });
            let mut registered = json!({ "config": queues });
            registered["config"]["connection"] = json!({ "host": told, "port": 5672 });
            let overrides = BrokerOverrides { host: said.map(str::to_owned), ..BrokerOverrides::default() };
            let address = Address::read(&registered, &overrides).expect("an address");
            assert_eq!(address.uri.authority.host, expected, "{said:?} {told}");
        }
    }
}
