//! RabbitMQ nodes of the tests, and a network proxy in front of them. One node serves all tests of a run, each in its
//! own virtual host; a test that stops its node starts another. `broker.sh` ensures that no node outlives the tests.

use super::authority::Authority;
use super::{free_port, runtime, soon};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

pub(crate) const USER: &str = "platform";
pub(crate) const PASSWORD: &str = "amqp-of-a-test";

/// A RabbitMQ node. It stops when the last reference is dropped, or with the process.
pub(crate) struct Broker {
    pub(crate) amqp: u16,
    /// Port for clients with a certificate of the authority.
    pub(crate) tls: u16,
    pub(crate) authority: Authority,
    management: u16,
    control: Mutex<Control>,
    hosts: AtomicUsize,
}

/// The script that controls the node: commands are written to it, and repeated when completed.
struct Control {
    script: Child,
    commands: Option<ChildStdin>,
    done: BufReader<ChildStdout>,
}

impl Broker {
    /// Returns the node shared by the tests of this run. It is never stopped.
    pub(crate) fn shared() -> Arc<Broker> {
        static SHARED: OnceLock<Arc<Broker>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(Broker::own))
    }

    /// Starts a node for one test, which may stop it.
    pub(crate) fn own() -> Arc<Broker> {
        let folder = tempfile::tempdir().expect("a folder").keep();
        let authority = Authority::new();
        authority.put(&folder, "broker");
        let [amqp, tls, management, distribution, names] = [(); 5].map(|()| free_port());
        let mut script = Command::new("sh")
            .arg(crate::support::root().join("tests/connector/broker.sh"))
            .arg(&folder)
            .args([amqp, tls, management, distribution, names].map(|port| port.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let control = Control {
            commands: script.stdin.take(),
            done: BufReader::new(script.stdout.take().expect("it is piped")),
            script,
        };
        let broker =
            Broker { amqp, tls, authority, management, control: Mutex::new(control), hosts: AtomicUsize::new(0) };
        broker.await_start();
        Arc::new(broker)
    }

    /// The management API responds before the node accepts AMQP connections.
    fn await_start(&self) {
        soon(Duration::from_secs(90), "RabbitMQ starts (`tests/run` installs it)", || {
            let answers = |answer: reqwest::Response| answer.status().is_success();
            self.ask(reqwest::Method::GET, "/api/vhosts", "").is_some_and(answers)
                && [self.amqp, self.tls].iter().all(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok())
        });
    }

    /// Stops the node gracefully: connections close, queues are kept.
    pub(crate) fn stop(&self) {
        self.command("stop");
    }

    /// Kills the node.
    pub(crate) fn kill(&self) {
        self.command("kill");
    }

    /// Restarts the node with its data, and waits until it is ready.
    pub(crate) fn start(&self) {
        self.command("start");
        self.await_start();
    }

    fn command(&self, command: &str) {
        let mut control = self.control.lock().expect("no panic while it is held");
        writeln!(control.commands.as_mut().expect("it is piped"), "{command}").expect("the script reads");
        let mut done = String::new();
        control.done.read_line(&mut done).expect("the script answers");
        assert_eq!(done.trim(), command);
    }

    /// Creates a virtual host.
    pub(crate) fn host(&self) -> String {
        let host = format!("test{}", self.hosts.fetch_add(1, Ordering::Relaxed));
        let made = self.ask(reqwest::Method::PUT, &format!("/api/vhosts/{host}"), "").expect("the node answers");
        assert!(made.status().is_success(), "{made:?}");
        let all = r#"{"configure":".*","write":".*","read":".*"}"#;
        let permitted = self.ask(reqwest::Method::PUT, &format!("/api/permissions/{host}/{USER}"), all);
        assert!(permitted.expect("the node answers").status().is_success());
        host
    }

    fn ask(&self, method: reqwest::Method, path: &str, body: &'static str) -> Option<reqwest::Response> {
        let url = format!("http://127.0.0.1:{}{path}", self.management);
        static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
        let client = CLIENT.get_or_init(|| reqwest::Client::builder().no_proxy().build().expect("a client"));
        let request = client.request(method, url).basic_auth(USER, Some(PASSWORD)).body(body);
        runtime().block_on(request.header("content-type", "application/json").send()).ok()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let control = self.control.get_mut().expect("no panic while it is held");
        // The script stops the node when its standard input closes.
        control.commands = None;
        let _ = control.script.wait();
    }
}

/// Behavior of the network proxy.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Network {
    Carries,
    /// Connections stay open, but no data is forwarded.
    Swallows,
    /// Data of the broker is not forwarded.
    Mutes,
    /// All connections are closed, and new ones are refused.
    Refuses,
}

/// Number of times that all connections were closed.
type Cuts = usize;

/// Network proxy between a connector and the broker.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    network: watch::Sender<(Network, Cuts)>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Proxy {
        Proxy::between("127.0.0.1:0", port)
    }

    /// Creates a proxy that listens on IPv6 only.
    pub(crate) fn by_ipv6(port: u16) -> Proxy {
        Proxy::between("[::1]:0", port)
    }

    fn between(place: &'static str, port: u16) -> Proxy {
        let (network, state) = watch::channel((Network::Carries, 0));
        let listener = runtime().block_on(tokio::net::TcpListener::bind(place)).expect("a port");
        let own = listener.local_addr().expect("an address").port();
        let task = runtime().spawn(async move {
            while let Ok((inner, _)) = listener.accept().await {
                tokio::spawn(carry(inner, port, state.clone()));
            }
        });
        Proxy { port: own, network, task }
    }

    /// Closes all connections; new ones are accepted.
    pub(crate) fn cut(&self) {
        self.network.send_modify(|(_, cuts)| *cuts += 1);
    }

    /// Closes all connections and refuses new ones.
    pub(crate) fn refuse(&self) {
        self.network.send_modify(|(network, cuts)| (*network, *cuts) = (Network::Refuses, *cuts + 1));
    }

    pub(crate) fn swallow(&self) {
        self.network.send_modify(|(network, _)| *network = Network::Swallows);
    }

    pub(crate) fn mute(&self) {
        self.network.send_modify(|(network, _)| *network = Network::Mutes);
    }

    pub(crate) fn carry(&self) {
        self.network.send_modify(|(network, _)| *network = Network::Carries);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(inner: TcpStream, port: u16, mut state: watch::Receiver<(Network, Cuts)>) {
    let (network, before) = *state.borrow();
    if network == Network::Refuses {
        return;
    }
    let Ok(outer) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ((inner_out, inner_in), (outer_out, outer_in)) = (inner.into_split(), outer.into_split());
    let (there, back) = (state.clone(), state.clone());
    tokio::select! {
        _ = state.wait_for(|(_, cuts)| *cuts != before) => {}
        () = pump(inner_out, outer_in, there, &[Network::Swallows]) => {}
        () = pump(outer_out, inner_in, back, &[Network::Swallows, Network::Mutes]) => {}
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut state: watch::Receiver<(Network, Cuts)>,
    closed: &[Network],
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let open = state.wait_for(|(network, _)| !closed.contains(network)).await.is_ok();
        if !open || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
