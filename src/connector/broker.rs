//! RabbitMQ (AMQP 0-9-1): one connection to consume, and one to publish with publisher confirms. Broken connections are reopened
//! on the next use. The platform declares all queues; the connector declares none.

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

/// Heartbeat timeout in seconds, as in pycti.
const HEARTBEAT: u16 = 10;

/// Timeout for connecting, with TLS and AMQP handshakes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum size of a published message in bytes: RabbitMQ 4 accepts 16 MiB, and closes the channel on more.
pub(super) const MAX_MESSAGE: usize = 15 * 1024 * 1024;

/// Maximum frame size in bytes. lapin keeps buffers for 64 frames per connection; with the broker's default they would take
/// 8 MiB. Longer messages are split into several frames.
const FRAME_MAX: u32 = 16 * 1024;

/// Maximum messages, and bytes, that are published together, to save system calls.
const BATCH: (usize, usize) = (64, 1024 * 1024);

/// Maximum unconfirmed messages while more are published.
const PIPELINE: usize = 256;

/// Number of confirmed messages after which the queue is verified.
const VERIFY_INTERVAL: usize = 256;

/// Address of the broker, and names of the connector's queues.
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
    /// Reads the platform's response to the registration; the operator's settings override it.
    pub(super) fn read(registered: &Value, overrides: &BrokerOverrides) -> anyhow::Result<Address> {
        let config = &registered["config"];
        let connection = &config["connection"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let host = overrides
            .host
            .clone()
            .or_else(|| text(&connection["host"]))
            .context("missing broker host in the registration")?;
        // Resolvers and certificates use IPv6 addresses without brackets.
        let host = bare(&host).to_owned();
        let is_tls = overrides.use_ssl.unwrap_or_else(|| connection["use_ssl"].as_bool().unwrap_or(false));
        let given_port = connection["port"].as_u64().or_else(|| connection["port"].as_str()?.parse().ok());
        let port = overrides.port.or_else(|| given_port.and_then(|port| u16::try_from(port).ok()));
        let user = overrides.user.clone().or_else(|| text(&connection["user"])).unwrap_or_default();
        let password =
            overrides.password.as_ref().map(|password| password.to_string()).or_else(|| text(&connection["pass"]));
        let queue = |key: &str| text(&config[key]).with_context(|| format!("missing `{key}` in the registration"));
        let tls = overrides.tls.clone().filter(|_| is_tls);
        // Otherwise credentials would be sent in cleartext.
        ensure!(tls.is_some() == is_tls, "the broker requires TLS, but TLS is not configured");
        Ok(Address {
            uri: AMQPUri {
                scheme: if is_tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
                authority: AMQPAuthority {
                    userinfo: AMQPUserInfo { username: user, password: password.unwrap_or_default() },
                    host,
                    port: port.unwrap_or(if is_tls { 5671 } else { 5672 }),
                },
                vhost: overrides.vhost.clone().or_else(|| text(&connection["vhost"])).unwrap_or_else(|| "/".to_owned()),
                query: AMQPQueryString {
                    heartbeat: Some(HEARTBEAT),
                    frame_max: Some(FRAME_MAX),
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
        let host_and_port = (self.uri.authority.host.as_str(), self.uri.authority.port);
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host(host_and_port).await?.collect();
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
        tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| {
            Err(ErrorKind::IOError(std::sync::Arc::new(std::io::ErrorKind::TimedOut.into())).into())
        })
    }
}

/// An open consumer of the listen queue, with its connection.
pub(super) struct Inbox {
    _connection: Connection,
    pub(super) channel: Channel,
    pub(super) messages: Consumer,
}

/// Starts to consume the listen queue, with at most `prefetch` unacknowledged messages.
pub(super) async fn listen(address: &Address, prefetch: u16) -> lapin::Result<Inbox> {
    let connection = address.connect().await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let (queue, tag) = (ShortString::from(address.listen.clone()), ShortString::from("stixmap"));
    let messages = channel.basic_consume(queue, tag, BasicConsumeOptions::default(), FieldTable::default()).await?;
    Ok(Inbox { _connection: connection, channel, messages })
}

/// Returns whether the broker rejected the credentials or the virtual host.
pub(super) fn is_access_refused(error: &lapin::Error) -> bool {
    // RabbitMQ's 403 ACCESS_REFUSED and 530 NOT_ALLOWED.
    matches!(error.kind(), ErrorKind::ProtocolError(error) if [403, 530].contains(&error.get_id()))
}

/// Publishes messages to the workers' queue.
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
        let connection = address.connect().await.context("failed to connect to the broker")?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        *open = Some((connection, channel.clone()));
        Ok(channel)
    }

    /// Publishes all messages and waits for their confirms. `on_confirmed` receives the number of messages that are confirmed and
    /// verified, whenever it grows; it remains valid after an error.
    pub(super) async fn send(
        &self,
        address: &Address,
        mut messages: impl Iterator<Item = Vec<u8>>,
        mut on_confirmed: impl FnMut(usize),
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
                if confirmed % VERIFY_INTERVAL == 0 {
                    verify_queue(&channel, address).await?;
                    on_confirmed(confirmed);
                }
            }
            // `try_join_all` polls in order, which keeps the order of messages.
            waiting.extend(try_join_all(batch.iter().map(|message| publish(&channel, address, message))).await?);
        }
        while !waiting.is_empty() {
            confirm(&mut waiting).await?;
            confirmed += 1;
        }
        verify_queue(&channel, address).await?;
        on_confirmed(confirmed);
        Ok(())
    }
}

/// Takes the next batch; empty only at the end.
fn batch(messages: &mut impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut size = 0;
    let mut batch = Vec::with_capacity(BATCH.0);
    while batch.len() < BATCH.0 && size < BATCH.1 {
        let Some(message) = messages.next() else { break };
        size += message.len();
        batch.push(message);
    }
    batch
}

/// Waits for the confirm of the oldest unconfirmed message.
async fn confirm(
    waiting: &mut VecDeque<impl Future<Output = lapin::Result<Confirmation>> + Unpin>,
) -> anyhow::Result<()> {
    match waiting.pop_front() {
        Some(first) => first.await.context("the connection to the broker broke").and_then(check_confirmation),
        None => Ok(()),
    }
}

/// Checks by a passive declaration that the queue still exists: a broker that shuts down confirms messages that its queue did
/// not store.
async fn verify_queue(channel: &Channel, address: &Address) -> anyhow::Result<()> {
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let declared = channel.queue_declare(address.push.as_str().into(), passive, FieldTable::default()).await;
    declared.map(drop).context("the broker stopped after its confirms")
}

/// Publishes a message. The returned future resolves to its confirm.
async fn publish(
    channel: &Channel,
    address: &Address,
    message: &[u8],
) -> anyhow::Result<impl Future<Output = lapin::Result<Confirmation>> + Unpin + use<>> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = BasicProperties::default().with_delivery_mode(2).with_content_encoding("utf-8".into());
    let (exchange, routing) = (address.exchange.clone().into(), address.routing.clone().into());
    channel
        .basic_publish(exchange, routing, options, message, properties)
        .await
        .context("the connection to the broker broke")
}

/// Fails on a negative or missing confirm, and on a message that was returned because it could not be routed.
fn check_confirmation(confirmation: Confirmation) -> anyhow::Result<()> {
    match confirmation {
        Confirmation::Ack(None) | Confirmation::NotRequested => Ok(()),
        Confirmation::Ack(Some(_)) => bail!("no queue is bound for the message"),
        Confirmation::Nack(_) => bail!("the broker rejected the message"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn host_from_setting_or_platform_has_no_brackets() {
        for (setting, platform, expected) in [
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
            registered["config"]["connection"] = json!({ "host": platform, "port": 5672 });
            let overrides = BrokerOverrides { host: setting.map(str::to_owned), ..BrokerOverrides::default() };
            let address = Address::read(&registered, &overrides).expect("an address");
            assert_eq!(address.uri.authority.host, expected, "{setting:?} {platform}");
        }
    }
}
