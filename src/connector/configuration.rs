//! Configuration of a connector from environment variables and `config.yml`: reports all mistakes at once, by name, and
//! never the value of a secret. The precedence is that of pycti: variable, file, default.

use super::log::Level;
use super::sources::Values;
use super::tls;
use crate::files::operator_path;
use crate::memory;
use crate::setting::is_unencrypted;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::{ClientConfig, ServerConfig};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use stixmap_engine::plan::Plan;
use stixmap_engine::stix::ObservableType;
use url::Url;
use zeroize::Zeroizing;

/// Scope names in Compose files of the connector that this one replaces.
const OLD_SCOPE: [(&str, ObservableType); 2] =
    [("domain", ObservableType::DomainName), ("ipv4-address", ObservableType::Ipv4Addr)];

/// All settings of one connector.
#[derive(Debug, Clone)]
pub(super) struct Configuration {
    pub(super) url: Url,
    pub(super) token: Zeroizing<String>,
    /// Additional headers of every request to the platform.
    pub(super) headers: HeaderMap,
    pub(super) tls: Tls,
    pub(super) id: String,
    pub(super) name: String,
    /// Identifier in OpenCTI's catalogue: the profile id.
    pub(super) slug: String,
    pub(super) scope: Vec<String>,
    /// Types of observables that are in the scope and accepted by the profile.
    pub(super) kinds: Vec<ObservableType>,
    pub(super) is_auto: bool,
    pub(super) is_auto_update: bool,
    pub(super) only_contextual: bool,
    pub(super) enrichment_resolution: &'static str,
    pub(super) xtm_one_intent: Option<String>,
    pub(super) callback: Option<Callback>,
    pub(super) pushes_by_api: bool,
    pub(super) validates: bool,
    pub(super) sends_to_queue: bool,
    pub(super) directory: Option<Directory>,
    pub(super) store: Option<StoreSettings>,
    pub(super) broker: BrokerOverrides,
    pub(super) concurrency: u16,
    /// Memory for responses of all connectors of the process, in MiB.
    pub(super) memory_budget: u64,
    /// Time limit per delivery.
    pub(super) delivery_timeout: Duration,
    /// Time to complete deliveries in progress when the connector is stopped.
    pub(super) grace_period: Duration,
    /// Directory of the journal of deliveries.
    pub(super) journal: Option<PathBuf>,
    pub(super) level: Level,
    pub(super) logs_json: bool,
    pub(super) metrics: Option<Metrics>,
    /// Settings that are valid, but probably unintended.
    pub(super) warnings: Vec<String>,
    /// Disabled security checks. They are logged at every level.
    pub(super) disabled_checks: Vec<String>,
}

/// Verification of the platform's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tls {
    /// Disabled, by `OPENCTI_SSL_VERIFY=false` only.
    Unchecked,
    /// Enabled, with the system's certificate authorities or those given as PEM.
    Checked(Option<String>),
}

/// HTTP endpoint where OpenCTI delivers messages (`CONNECTOR_LISTEN_PROTOCOL=API`).
#[derive(Debug, Clone)]
pub(super) struct Callback {
    pub(super) address: SocketAddr,
    pub(super) path: String,
    /// URI that is registered with the platform.
    pub(super) uri: String,
    /// TLS configuration with the certificate of the endpoint, if it uses TLS.
    pub(super) tls: Option<Arc<ServerConfig>>,
}

/// Directory that receives a copy of each bundle.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    /// Retention period in days.
    pub(super) retention: u64,
}

/// Object store that receives a copy of each bundle. Values that are set override those sent by the platform.
#[derive(Debug, Clone)]
pub(super) struct StoreSettings {
    pub(super) endpoint: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) use_ssl: Option<bool>,
    pub(super) region: Option<String>,
    pub(super) bucket: Option<String>,
    pub(super) access_key: Option<Zeroizing<String>>,
    pub(super) secret_key: Option<Zeroizing<String>>,
    /// Prefix of object keys; ends with `/`, or is empty.
    pub(super) folder: String,
    /// Retention period in days.
    pub(super) retention: u64,
}

/// Settings that override the broker address sent by the platform.
#[derive(Debug, Clone, Default)]
pub(super) struct BrokerOverrides {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) vhost: Option<String>,
    pub(super) use_ssl: Option<bool>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Zeroizing<String>>,
    /// TLS configuration for a broker that uses TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl BrokerOverrides {
    /// Returns whether credentials or the virtual host are overridden.
    pub(super) fn overrides_credentials(&self) -> bool {
        self.user.is_some() || self.password.is_some() || self.vhost.is_some()
    }
}

/// Address of the metrics server, and the prefix of metric names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metrics {
    pub(super) address: SocketAddr,
    pub(super) prefix: String,
}

impl Configuration {
    /// Reads all settings. Mistakes are collected in `values`.
    pub(super) fn read(values: &mut Values, plan: &Plan) -> Configuration {
        let (mut warnings, mut disabled_checks) = (vec![], vec![]);
        let url = url(values, &mut disabled_checks);
        let token = token(values);
        let (scope, kinds) = scope(values, plan, &mut warnings);
        let name = values.text("connector", "name").unwrap_or_else(|| plan.name.clone());
        if name.chars().count() < 2 {
            values.invalid("connector", "name", "at least 2 characters");
        }
        kind(values);
        if values.flag("connector", "auto_create_service_account", false) {
            values.invalid("connector", "auto_create_service_account", "false: set the token of an existing account");
        }
        Configuration {
            url,
            token,
            headers: headers(values, &mut warnings),
            tls: tls(values, &mut disabled_checks),
            id: values.required("connector", "id", "a UUID that identifies the connector and never changes"),
            scope,
            kinds,
            is_auto: values.flag("connector", "auto", false),
            is_auto_update: values.flag("connector", "auto_update", false),
            only_contextual: values.flag("connector", "only_contextual", false),
            enrichment_resolution: values.choice("connector", "enrichment_resolution", &["none", "stix_bundle"]),
            xtm_one_intent: values.text("connector", "xtm_one_intent"),
            callback: callback(values),
            pushes_by_api: pushes_by_api(values),
            validates: values.flag("connector", "validate_before_import", false),
            sends_to_queue: values.flag("connector", "send_to_queue", true),
            directory: directory(values),
            store: store(values),
            broker: broker(values, &mut disabled_checks),
            concurrency: u16::try_from(values.number("connector", "concurrency", memory::CONCURRENCY, 1, 256))
                .unwrap_or(4),
            memory_budget: values.number(
                "connector",
                "memory_budget",
                memory::default_budget(plan.http.max_body),
                memory::MIN_BUDGET,
                memory::MAX_BUDGET,
            ),
            delivery_timeout: Duration::from_secs(values.number("connector", "delivery_timeout", 600, 10, 1600)),
            grace_period: Duration::from_secs(values.number("connector", "grace_period", 8, 0, 600)),
            journal: journal(values),
            level: level(values),
            logs_json: values.flag("opencti", "json_logging", true),
            metrics: metrics(values),
            name,
            slug: plan.id.clone(),
            warnings,
            disabled_checks,
        }
    }
}

fn url(values: &mut Values, disabled_checks: &mut Vec<String>) -> Url {
    let placeholder = || Url::parse("http://unset.invalid").expect("a URL");
    let text = values.required("opencti", "url", "URL of the OpenCTI platform");
    if text.is_empty() {
        return placeholder();
    }
    match Url::parse(&format!("{}/graphql", text.trim_end_matches('/'))) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            values.invalid("opencti", "url", "no user or password, which would replace the token");
            placeholder()
        }
        Ok(url) if is_web(Ok(url.clone())) => {
            if is_unencrypted(&url) {
                let origin = url.origin().ascii_serialization();
                disabled_checks.push(format!("OPENCTI_URL is not HTTPS: the token is sent unencrypted to {origin}"));
            }
            url
        }
        _ => {
            values.invalid("opencti", "url", "an HTTP or HTTPS URL");
            placeholder()
        }
    }
}

fn token(values: &mut Values) -> Zeroizing<String> {
    let before = values.mistakes.len();
    let token = values.secret("opencti", "token").filter(|token| !token.is_empty() && token.as_str() != "ChangeMe");
    let Some(token) = token else {
        // An unreadable file is reported already.
        if values.mistakes.len() == before {
            values.missing("opencti", "token", "token of the connector's OpenCTI account");
        }
        return Zeroizing::default();
    };
    if HeaderValue::from_str(&token).is_err() {
        values.invalid("opencti", "token", "characters permitted in an HTTP header");
    }
    token
}

/// Parses headers separated by `;`, such as `X-A: 1;X-B: a:b`.
fn headers(values: &mut Values, warnings: &mut Vec<String>) -> HeaderMap {
    let text = values.secret("opencti", "custom_headers").unwrap_or_default();
    let mut headers = HeaderMap::new();
    for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once(':') else {
            warnings.push("A part of OPENCTI_CUSTOM_HEADERS without `:` is ignored".to_owned());
            continue;
        };
        match (HeaderName::from_str(name.trim()), HeaderValue::from_str(value.trim())) {
            (Ok(name), Ok(value)) => drop(headers.insert(name, value)),
            _ => values.invalid("opencti", "custom_headers", "characters permitted in HTTP headers"),
        }
    }
    headers
}

/// Certificates are verified by default, unlike in pycti.
fn tls(values: &mut Values, disabled_checks: &mut Vec<String>) -> Tls {
    const AUTHORITIES: &str = "HTTPS_CA_CERTIFICATES";
    if let Some(given) = values.variable(AUTHORITIES) {
        return Tls::Checked(values.authorities(AUTHORITIES, &given));
    }
    let given = values.text("opencti", "ssl_verify");
    match given.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("false" | "no" | "off" | "0" | "f" | "n") => {
            disabled_checks.push("OPENCTI_SSL_VERIFY is off: the platform's certificate is not verified".to_owned());
            Tls::Unchecked
        }
        None | Some("true" | "yes" | "on" | "1" | "t" | "y") => Tls::Checked(None),
        Some(_) => Tls::Checked(values.authorities("OPENCTI_SSL_VERIFY", &given.unwrap_or_default())),
    }
}

/// Checks the optional connector type.
fn kind(values: &mut Values) {
    let kind = values.text("connector", "type");
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("INTERNAL_ENRICHMENT")) {
        values.invalid("connector", "type", "INTERNAL_ENRICHMENT");
    }
}

fn scope(values: &mut Values, plan: &Plan, warnings: &mut Vec<String>) -> (Vec<String>, Vec<ObservableType>) {
    let accepted = plan.accepts();
    let names = |kinds: &[ObservableType]| kinds.iter().map(|kind| kind.entity_type().to_owned()).collect::<Vec<_>>();
    let Some(text) = values.text("connector", "scope") else { return (names(&accepted), accepted) };
    let (mut kinds, mut unknown) = (vec![], vec![]);
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let old = OLD_SCOPE.iter().find(|(old, _)| old.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind);
        match ObservableType::parse(name).or(old).filter(|kind| accepted.contains(kind)) {
            Some(kind) if !kinds.contains(&kind) => kinds.push(kind),
            Some(_) => {}
            None => unknown.push(name.to_owned()),
        }
        if let Some(kind) = old {
            warnings.push(format!("CONNECTOR_SCOPE: `{name}` is interpreted as {}", kind.entity_type()));
        }
    }
    if kinds.is_empty() {
        let known = names(&accepted).join(",");
        values.invalid("connector", "scope", &format!("types that {} accepts: {known}", plan.name));
    } else if !unknown.is_empty() {
        warnings.push(format!("CONNECTOR_SCOPE: {} does not accept {}", plan.name, unknown.join(", ")));
    }
    (names(&kinds), kinds)
}

fn callback(values: &mut Values) -> Option<Callback> {
    if values.choice("connector", "listen_protocol", &["AMQP", "API"]) == "AMQP" {
        return None;
    }
    let speaks_tls = values.flag("connector", "listen_protocol_api_ssl", false);
    let tls = if speaks_tls { tls::callback(values) } else { None };
    let port = values.number("connector", "listen_protocol_api_port", 7070, 1, 65_535);
    let path = values.text("connector", "listen_protocol_api_path").unwrap_or_else(|| "/api/callback".into());
    if !is_path(&path) {
        values.invalid("connector", "listen_protocol_api_path", "a URL path that starts with `/`");
    }
    let scheme = if speaks_tls { "https" } else { "http" };
    let base = values.text("connector", "listen_protocol_api_uri");
    let base = base.unwrap_or_else(|| format!("{scheme}://127.0.0.1:{port}"));
    if !is_web(Url::parse(&base)) {
        values.invalid("connector", "listen_protocol_api_uri", "an HTTP or HTTPS URL");
    }
    let uri = format!("{}{path}", base.trim_end_matches('/'));
    // Listens on all addresses by default: OpenCTI runs on other machines, and authenticates with the platform's token.
    let address = address(values, "listen_protocol_api_address", Ipv4Addr::UNSPECIFIED, port);
    Some(Callback { address, uri, path, tls })
}

/// Returns whether a URL parser keeps the path unchanged.
fn is_path(path: &str) -> bool {
    path.starts_with('/') && Url::parse(&format!("http://host{path}")).is_ok_and(|url| url.path() == path)
}

fn is_web(url: Result<Url, url::ParseError>) -> bool {
    url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn pushes_by_api(values: &mut Values) -> bool {
    const OLD: &str = "QUEUE_PROTOCOL";
    let own = values.text("connector", "queue_protocol");
    let is_own = own.is_some();
    match own.or_else(|| values.variable(OLD)).as_deref() {
        None | Some("amqp") => return false,
        Some("api") => return true,
        Some(_) if is_own => values.invalid("connector", "queue_protocol", "amqp or api"),
        Some(_) => values.mistakes.push(format!("invalid {OLD}: expected amqp or api")),
    }
    false
}

fn directory(values: &mut Values) -> Option<Directory> {
    let retention = values.number("connector", "send_to_directory_retention", 7, 0, 36_500);
    if !values.flag("connector", "send_to_directory", false) {
        return None;
    }
    let path = values.required("connector", "send_to_directory_path", "directory for copies of bundles");
    if !path.is_empty() && !operator_path::is_folder(Path::new(&path)) {
        values.invalid("connector", "send_to_directory_path", "an existing directory");
    }
    Some(Directory { path: PathBuf::from(path), retention })
}

/// Returns the directory of the journal: the configured one, the state directory of the systemd service, or that of the
/// user (XDG Base Directory Specification). Never a directory shared by all users, such as `/tmp`.
fn journal(values: &Values) -> Option<PathBuf> {
    let absolute = |path: PathBuf| Some(path).filter(|path| path.is_absolute());
    let variable = |name: &str| values.variable(name).map(PathBuf::from).and_then(absolute);
    // systemd separates several directories by colons.
    let of_service = values.variable("STATE_DIRECTORY").and_then(|all| absolute(all.split(':').next()?.into()));
    let of_home = || variable("HOME").map(|home| home.join(".local/state"));
    let of_user = || variable("XDG_STATE_HOME").or_else(of_home).map(|state| state.join("stixmap"));
    values.text("connector", "journal_path").map(PathBuf::from).or(of_service).or_else(of_user)
}

fn store(values: &mut Values) -> Option<StoreSettings> {
    let retention = values.number("connector", "send_to_s3_retention", 7, 0, 36_500);
    let port = values.number("s3", "port", 0, 0, 65_535);
    if !values.flag("connector", "send_to_s3", false) {
        return None;
    }
    let folder = values.text("connector", "send_to_s3_folder").unwrap_or_else(|| "connectors".into());
    let folder = folder.trim_matches('/');
    Some(StoreSettings {
        endpoint: values.text("s3", "endpoint"),
        port: u16::try_from(port).ok().filter(|port| *port > 0),
        use_ssl: values.text("s3", "use_ssl").is_some().then(|| values.flag("s3", "use_ssl", false)),
        region: values.text("s3", "bucket_region"),
        bucket: values.text("connector", "send_to_s3_bucket"),
        access_key: values.secret("s3", "access_key"),
        secret_key: values.secret("s3", "secret_key"),
        folder: if matches!(folder, "" | ".") { String::new() } else { format!("{folder}/") },
        retention,
    })
}

fn broker(values: &mut Values, disabled_checks: &mut Vec<String>) -> BrokerOverrides {
    let port = values.number("mq", "port", 0, 0, 65_535);
    let use_ssl = values.text("mq", "use_ssl").is_some().then(|| values.flag("mq", "use_ssl", false));
    // The platform may require TLS for the broker even if no setting does.
    let is_checked = values.flag("mq", "use_ssl_reject_unauthorized", true);
    if !is_checked {
        let text = "MQ_USE_SSL_REJECT_UNAUTHORIZED is off: the broker's certificate is not verified";
        disabled_checks.push(text.to_owned());
    }
    BrokerOverrides {
        host: values.text("mq", "host"),
        port: u16::try_from(port).ok().filter(|port| *port > 0),
        vhost: values.text("mq", "vhost"),
        use_ssl,
        user: values.text("mq", "user"),
        password: values.secret("mq", "pass"),
        tls: tls::broker(values, is_checked),
    }
}

fn level(values: &mut Values) -> Level {
    let Some(text) = values.text("connector", "log_level") else { return Level::Error };
    Level::parse(&text).unwrap_or_else(|| {
        values.invalid("connector", "log_level", "one of debug, info, warning, error, critical");
        Level::Error
    })
}

/// Returns a host without the brackets of an IPv6 address in a URL.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// Returns a host as written in a URL: an IPv6 address in brackets (RFC 3986 §3.2.2).
pub(super) fn in_url(host: &str) -> String {
    bare(host).parse::<Ipv6Addr>().map_or_else(|_| host.to_owned(), |address| format!("[{address}]"))
}

/// Returns the address that a server listens on.
fn address(values: &mut Values, key: &str, default: Ipv4Addr, port: u64) -> SocketAddr {
    let port = u16::try_from(port).expect("the port was read in its range");
    let Some(text) = values.text("connector", key) else { return (default, port).into() };
    let address = bare(&text).parse().unwrap_or_else(|_| {
        values.invalid("connector", key, "an IP address, such as 127.0.0.1, 0.0.0.0 or ::");
        IpAddr::from(default)
    });
    (address, port).into()
}

fn metrics(values: &mut Values) -> Option<Metrics> {
    let port = values.number("connector", "metrics_port", 9095, 1, 65_535);
    let parts = ["metrics_namespace", "metrics_subsystem"].map(|key| (key, values.text("connector", key)));
    for (key, part) in &parts {
        let is_permitted = |character: char| character.is_ascii_alphanumeric() || character == '_';
        if part.as_ref().is_some_and(|part| !part.chars().all(is_permitted) || part.starts_with(char::is_numeric)) {
            values.invalid("connector", key, "ASCII letters, digits and `_`, not starting with a digit");
        }
    }
    let prefix = parts.into_iter().filter_map(|(_, part)| part).map(|part| format!("{part}_")).collect();
    let address = address(values, "metrics_address", Ipv4Addr::LOCALHOST, port);
    values.flag("connector", "expose_metrics", false).then_some(Metrics { address, prefix })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stixmap_engine::diagnostic::Source;

    fn plan() -> Plan {
        let text = include_str!("../../tests/providers/lines/profile.yaml");
        Plan::read(&Source::new("profile.yaml", text)).expect("a profile")
    }

    fn read(variables: &[(&str, &str)], file: &str, prefix: Option<&str>) -> (Configuration, Vec<String>) {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let file = serde_yaml::from_str(file).expect("YAML");
        let mut values = Values::new(variables, file, prefix.map(str::to_owned));
        let configuration = Configuration::read(&mut values, &plan());
        (configuration, values.mistakes)
    }

    const ENOUGH: [(&str, &str); 3] =
        [("OPENCTI_URL", "https://platform:8080/"), ("OPENCTI_TOKEN", "t0ken"), ("CONNECTOR_ID", "an-id")];

    #[test]
    fn three_variables_are_enough() {
        let (configuration, mistakes) = read(&ENOUGH, "{}", None);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert_eq!(configuration.url.as_str(), "https://platform:8080/graphql");
        assert_eq!(configuration.scope, ["Domain-Name", "IPv4-Addr"]);
        assert_eq!((configuration.concurrency, configuration.level), (4, Level::Error));
        assert_eq!((configuration.tls, configuration.disabled_checks), (Tls::Checked(None), vec![]));
    }

    #[test]
    fn certificates_unverified_only_by_explicit_setting_with_warning() {
        let with = |name: &'static str, value: &'static str| {
            read(&ENOUGH.into_iter().chain([(name, value)]).collect::<Vec<_>>(), "{}", None).0
        };
        for value in ["", " ", "true", "TRUE", "yes", "1", "on", "y", "t"] {
            let configuration = with("OPENCTI_SSL_VERIFY", value);
            assert_eq!((configuration.tls, configuration.disabled_checks), (Tls::Checked(None), vec![]), "{value}");
            assert_eq!(with("MQ_USE_SSL_REJECT_UNAUTHORIZED", value).disabled_checks, [""; 0], "{value}");
        }
        for value in ["false", "False", "no", "0", "off", "n", "f"] {
            let configuration = with("OPENCTI_SSL_VERIFY", value);
            assert_eq!((configuration.tls, configuration.disabled_checks.len()), (Tls::Unchecked, 1), "{value}");
            assert_eq!(with("MQ_USE_SSL_REJECT_UNAUTHORIZED", value).disabled_checks.len(), 1, "{value}");
        }
        for (url, warnings) in [
            ("http://opencti:8080", 1),
            ("http://192.0.2.1:9", 1),
            ("http://127.0.0.1:4000", 0),
            ("http://localhost:4000", 0),
            ("https://opencti", 0),
        ] {
            assert_eq!(with("OPENCTI_URL", url).disabled_checks.len(), warnings, "{url}");
        }
        let (configuration, _) = read(&ENOUGH, "opencti: { ssl_verify: false }", None);
        assert_eq!((configuration.tls, configuration.disabled_checks.len()), (Tls::Unchecked, 1));
    }

    #[test]
    fn journal_directory_follows_setting_service_user_in_order() {
        let journal = |more: &[(&'static str, &'static str)]| {
            let variables = [&ENOUGH[..], more].concat();
            read(&variables, "{}", None).0.journal.map(|path| path.display().to_string())
        };
        let (home, xdg) = (("HOME", "/home/u"), ("XDG_STATE_HOME", "/xdg"));
        let (service, own) = (("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("CONNECTOR_JOURNAL_PATH", "/own"));
        for (given, expected) in [
            (&[][..], None),
            (&[("TMPDIR", "/tmp")], None),
            (&[("HOME", "relative")], None),
            (&[home], Some("/home/u/.local/state/stixmap")),
            (&[home, ("XDG_STATE_HOME", "relative")], Some("/home/u/.local/state/stixmap")),
            (&[home, xdg], Some("/xdg/stixmap")),
            (&[xdg], Some("/xdg/stixmap")),
            (&[home, xdg, service], Some("/var/lib/a")),
            (&[home, xdg, service, own], Some("/own")),
        ] {
            assert_eq!(journal(given).as_deref(), expected, "{given:?}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_at_once_by_name() {
        let variables = [
            ("OPENCTI_TOKEN", "ChangeMe"),
            ("CONNECTOR_SCOPE", "StixFile"),
            ("CONNECTOR_TYPE", "STREAM"),
            ("CONNECTOR_AUTO", "perhaps"),
            ("CONNECTOR_CONCURRENCY", "7.5"),
            ("CONNECTOR_LOG_LEVEL", "loud"),
            ("CONNECTOR_LISTEN_PROTOCOL", "smoke"),
            ("CONNECTOR_QUEUE_PROTOCOL", "AMQP"),
            ("MQ_PASS_FILE", "/nowhere/at/all"),
        ];
        let (_, mistakes) = read(&variables, "{}", None);
        for name in [
            "OPENCTI_URL",
            "OPENCTI_TOKEN",
            "CONNECTOR_ID",
            "CONNECTOR_SCOPE",
            "CONNECTOR_TYPE",
            "CONNECTOR_AUTO",
            "CONNECTOR_CONCURRENCY",
            "CONNECTOR_LOG_LEVEL",
            "CONNECTOR_LISTEN_PROTOCOL",
            "CONNECTOR_QUEUE_PROTOCOL",
            "MQ_PASS_FILE",
        ] {
            assert_eq!(
                mistakes.iter().filter(|mistake| mistake.split([' ', ':']).any(|word| word == name)).count(),
                1,
                "{name}: {mistakes:?}"
            );
        }
    }

    #[test]
    fn variables_override_the_file_and_empty_ones_select_the_default() {
        let file = "opencti: { url: 'https://a', token: b, ssl_verify: true }\nconnector: { id: c, auto: true, name: From File, log_level: info }\nmq:\n";
        let (configuration, mistakes) = read(&[("CONNECTOR_NAME", ""), ("CONNECTOR_LOG_LEVEL", "debug")], file, None);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert_eq!(configuration.name, "Line Provider");
        assert_eq!((configuration.is_auto, configuration.level), (true, Level::Debug));
        assert_eq!(configuration.tls, Tls::Checked(None));
    }

    #[test]
    fn invalid_header_characters_are_reported() {
        let with = |name: &'static str, value: &'static str| {
            let variables: Vec<_> =
                ENOUGH.into_iter().filter(|(known, _)| *known != name).chain([(name, value)]).collect();
            read(&variables, "{}", None).1
        };
        assert_eq!(
            with("OPENCTI_TOKEN", "t\u{1}"),
            ["invalid OPENCTI_TOKEN: expected characters permitted in an HTTP header"]
        );
        let mistake = "invalid OPENCTI_CUSTOM_HEADERS: expected characters permitted in HTTP headers";
        assert_eq!(with("OPENCTI_CUSTOM_HEADERS", "X A: 1"), [mistake]);
        assert_eq!(with("OPENCTI_CUSTOM_HEADERS", "X-A: 1;; X-B: a:b ;c"), [""; 0]);
        assert_eq!(with("CONNECTOR_METRICS_NAMESPACE", "my-own").len(), 1);
    }

    #[test]
    fn servers_listen_on_the_default_or_the_given_address() {
        let metrics = |address: &[(&str, &str)]| {
            let variables = [&ENOUGH[..], &[("CONNECTOR_EXPOSE_METRICS", "true")], address].concat();
            let (configuration, mistakes) = read(&variables, "{}", None);
            (configuration.metrics.expect("they are served").address.to_string(), mistakes.len())
        };
        assert_eq!(metrics(&[]), ("127.0.0.1:9095".to_owned(), 0));
        for (text, expected, mistakes) in [
            ("0.0.0.0", "0.0.0.0:9095", 0),
            ("::1", "[::1]:9095", 0),
            ("[::]", "[::]:9095", 0),
            ("localhost", "127.0.0.1:9095", 1),
            ("127.0.0.1:80", "127.0.0.1:9095", 1),
            ("[127.0.0.1", "127.0.0.1:9095", 1),
        ] {
            let found = metrics(&[("CONNECTOR_METRICS_ADDRESS", text)]);
            assert_eq!(found, (expected.to_owned(), mistakes), "{text}");
        }
        let callback = [&ENOUGH[..], &[("CONNECTOR_LISTEN_PROTOCOL", "API")]].concat();
        let (configuration, _) = read(&callback, "{}", None);
        assert_eq!(configuration.callback.expect("it is served").address.to_string(), "0.0.0.0:7070");
    }

    #[test]
    fn booleans_accept_common_spellings() {
        for text in ["yes", "true", "True", "TRUE", "1", "on", " true "] {
            let variables: Vec<_> = ENOUGH.into_iter().chain([("CONNECTOR_AUTO", text)]).collect();
            assert!(read(&variables, "{}", None).0.is_auto, "{text}");
        }
    }

    #[test]
    fn deprecated_scope_names_are_accepted_with_warnings() {
        let variables: Vec<_> =
            ENOUGH.into_iter().chain([("CONNECTOR_SCOPE", "domain, ipv4-address, indicator")]).collect();
        let (configuration, mistakes) = read(&variables, "{}", None);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert_eq!(configuration.scope, ["Domain-Name", "IPv4-Addr"]);
        assert_eq!(configuration.warnings.len(), 3, "{:?}", configuration.warnings);
    }

    #[test]
    fn secrets_are_read_from_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, "from a file\n").expect("it can be written");
        let path = path.to_str().expect("a path that is text");
        let with = |name: &'static str, prefix: Option<&str>| {
            let all = ENOUGH.into_iter().filter(|(known, _)| *known != "OPENCTI_TOKEN" || prefix.is_some());
            read(&all.chain([(name, path)]).collect::<Vec<_>>(), "{}", prefix)
        };
        let (configuration, mistakes) = with("OPENCTI_TOKEN_FILE", None);
        assert_eq!((configuration.token.as_str(), mistakes), ("from a file", vec![]));
        let (configuration, _) = with("LINES_OPENCTI_TOKEN_FILE", Some("lines"));
        assert_eq!(configuration.token.as_str(), "from a file");
        let (configuration, _) = with("MQ_PASS_FILE", Some("lines"));
        assert_eq!(configuration.broker.password.as_deref().map(String::as_str), Some("from a file"));
        let nowhere = [ENOUGH[0], ENOUGH[2], ("OPENCTI_TOKEN_FILE", "/nowhere/at/all")];
        let (_, mistakes) = read(&nowhere, "{}", None);
        assert!(mistakes.len() == 1 && mistakes[0].contains("OPENCTI_TOKEN_FILE"), "{mistakes:?}");
        // Variables take precedence over the settings file.
        let file = "opencti: { token: of the file }\nmq: { pass: of the file }";
        let all = [ENOUGH[0], ENOUGH[2], ("OPENCTI_TOKEN_FILE", path), ("MQ_PASS_FILE", path), ("MQ_PASS", "")];
        let (configuration, _) = read(&all, file, None);
        assert_eq!(configuration.token.as_str(), "from a file");
        assert_eq!(configuration.broker.password.as_deref().map(String::as_str), Some("from a file"));
        let (configuration, _) = read(&[ENOUGH[0], ENOUGH[2], ("MQ_PASS", "")], file, None);
        assert_eq!((configuration.token.as_str(), configuration.broker.password), ("of the file", None));
    }

    #[test]
    fn invalid_values_are_reported_by_the_name_of_their_variable() {
        let mistakes = |name: &'static str, value: &'static str, prefix: Option<&str>| {
            let more = [("CONNECTOR_LISTEN_PROTOCOL", "API"), (name, value)];
            read(&ENOUGH.into_iter().chain(more).collect::<Vec<_>>(), "{}", prefix).1
        };
        for (name, value) in [
            ("CONNECTOR_ENRICHMENT_RESOLUTION", "sometimes"),
            ("CONNECTOR_LISTEN_PROTOCOL_API_PATH", "callback"),
            ("CONNECTOR_LISTEN_PROTOCOL_API_PATH", "/call back"),
            ("CONNECTOR_LISTEN_PROTOCOL_API_URI", "connector:7070"),
            ("OPENCTI_SSL_VERIFY", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----"),
            ("OPENCTI_SSL_VERIFY", "/dev/null"),
            ("OPENCTI_SSL_VERIFY", "/dev/shm"),
            ("HTTPS_CA_CERTIFICATES", "/nowhere/at/all"),
            ("CONNECTOR_AUTO_CREATE_SERVICE_ACCOUNT", "true"),
            ("CONNECTOR_DELIVERY_TIMEOUT", "1700"),
            ("QUEUE_PROTOCOL", "smoke"),
        ] {
            let found = mistakes(name, value, None);
            assert!(found.len() == 1 && found[0].contains(name), "{name}={value}: {found:?}");
        }
        assert_eq!(mistakes("QUEUE_PROTOCOL", "", None), [""; 0], "Compose passes unset variables as empty ones");
        let found = mistakes("LINES_CONNECTOR_AUTO", "perhaps", Some("lines"));
        assert_eq!(found, ["invalid LINES_CONNECTOR_AUTO: expected true or false"]);
    }

    #[test]
    fn authorities_are_read_from_a_directory() {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = rcgen::generate_simple_self_signed(["platform".to_owned()]).expect("a certificate");
        std::fs::write(folder.path().join("one.pem"), pair.cert.pem()).expect("it can be written");
        std::fs::write(folder.path().join("README"), "no certificate").expect("it can be written");
        let path = folder.path().to_str().expect("a path that is text");
        let variables: Vec<_> = ENOUGH.into_iter().chain([("OPENCTI_SSL_VERIFY", path)]).collect();
        let (configuration, mistakes) = read(&variables, "{}", None);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert_eq!(configuration.tls, Tls::Checked(Some(pair.cert.pem())));
    }

    #[test]
    fn prefixed_variables_override_common_ones() {
        let variables: Vec<_> =
            ENOUGH.into_iter().chain([("LINES_CONNECTOR_ID", "own"), ("LINES_CONNECTOR_NAME", "Own")]).collect();
        let (configuration, _) = read(&variables, "{}", Some("lines"));
        assert_eq!((configuration.id.as_str(), configuration.name.as_str()), ("own", "Own"));
    }
}
