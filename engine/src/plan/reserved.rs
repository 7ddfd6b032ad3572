//! Environment variables that belong to other programs. A profile that used one would send a value that was meant for
//! another program to the profile's server.

/// Prefixes of variables that other programs read.
const PREFIXES: &[&str] = &[
    // This program, its platform, broker and stores.
    "OPENCTI",
    "OPENAEV",
    "OPENBAS",
    "XTM",
    "CONNECTOR",
    "MQ",
    "QUEUE",
    "LISTEN",
    "S3",
    "MINIO",
    "STIXMAP",
    "APP",
    "RABBITMQ",
    "AMQP",
    "KAFKA",
    "ELASTIC",
    "ELASTICSEARCH",
    "OPENSEARCH",
    // Clouds.
    "AWS",
    "AMAZON",
    "AZURE",
    "ARM",
    "MSI",
    "IDENTITY",
    "GOOGLE",
    "GCP",
    "GCLOUD",
    "CLOUDSDK",
    "FIREBASE",
    "OCI",
    "ALIBABA",
    "ALICLOUD",
    "IBMCLOUD",
    "DIGITALOCEAN",
    "HEROKU",
    "FLY",
    "NETLIFY",
    "VERCEL",
    "HETZNER",
    "HCLOUD",
    "LINODE",
    "SCW",
    "OVH",
    "SNOWFLAKE",
    "DATABRICKS",
    // Code hosting and builds.
    "GITHUB",
    "GH",
    "GITLAB",
    "GITEA",
    "BITBUCKET",
    "GIT",
    "CI",
    "ACTIONS",
    "RUNNER",
    "JENKINS",
    "TRAVIS",
    "BUILDKITE",
    "DRONE",
    "SONAR",
    "CODECOV",
    // Containers and infrastructure.
    "DOCKER",
    "COMPOSE",
    "PODMAN",
    "BUILDAH",
    "REGISTRY",
    "KUBERNETES",
    "KUBE",
    "KUBECONFIG",
    "HELM",
    "ARGO",
    "ARGOCD",
    "TF",
    "TERRAFORM",
    "PULUMI",
    "ANSIBLE",
    "VAULT",
    "CONSUL",
    "NOMAD",
    "OP",
    "BW",
    "BITWARDEN",
    "SOPS",
    "AGE",
    // Transport.
    "HTTP",
    "HTTPS",
    "FTP",
    "RSYNC",
    "SOCKS",
    "NO_PROXY",
    "ALL_PROXY",
    "PROXY",
    "SSL",
    "TLS",
    "SSLKEYLOGFILE",
    "OPENSSL",
    "CURL",
    "WGET",
    "REQUESTS",
    "GRPC",
    "SSH",
    "GPG",
    "GNUPG",
    "KRB5",
    "LDAP",
    "NETRC",
    // Languages and their registries.
    "NODE",
    "NPM",
    "YARN",
    "PNPM",
    "PIP",
    "UV",
    "POETRY",
    "TWINE",
    "PYPI",
    "PYTHON",
    "CARGO",
    "RUST",
    "RUSTUP",
    "GEM",
    "BUNDLE",
    "MAVEN",
    "GRADLE",
    "JAVA",
    "NUGET",
    "DOTNET",
    "COMPOSER",
    // Databases.
    "DATABASE",
    "DB",
    "POSTGRES",
    "POSTGRESQL",
    "PG",
    "MYSQL",
    "MARIADB",
    "MSSQL",
    "ORACLE",
    "MONGO",
    "MONGODB",
    "REDIS",
    "MEMCACHED",
    "INFLUX",
    "INFLUXDB",
    "CLICKHOUSE",
    "NEO4J",
    "CASSANDRA",
    // Services that hold credentials in most environments.
    "SMTP",
    "MAIL",
    "SLACK",
    "DISCORD",
    "TELEGRAM",
    "TWILIO",
    "SENDGRID",
    "MAILGUN",
    "STRIPE",
    "PAYPAL",
    "OPENAI",
    "ANTHROPIC",
    "HF",
    "HUGGINGFACE",
    "SENTRY",
    "DATADOG",
    "DD",
    "NEW_RELIC",
    "NEWRELIC",
    "OTEL",
    "GRAFANA",
    "SPLUNK",
    "OKTA",
    "AUTH0",
    "KEYCLOAK",
    "OAUTH",
    "JWT",
    "SECRET",
    "SESSION",
    "DJANGO",
    "FLASK",
    "RAILS",
    "CLOUDFLARE",
    "CF",
    "FASTLY",
    "AKAMAI",
    "TAILSCALE",
    "SUPABASE",
    "PLANETSCALE",
    "NEON",
    "RENDER",
    "RAILWAY",
    "VULTR",
    "SCALEWAY",
    "UPCLOUD",
    "EXOSCALE",
    "RACKSPACE",
    "HCP",
    "TFE",
    "SPACELIFT",
    "APPVEYOR",
    "TEAMCITY",
    "BUDDY",
    "CODESPACES",
    "QUAY",
    "HARBOR",
    "PACKER",
    "VAGRANT",
    "BOUNDARY",
    "TELEPORT",
    "ONEPASSWORD",
    "LASTPASS",
    "KEEPER",
    "AKEYLESS",
    "CYBERARK",
    "DELINEA",
    "PAGERDUTY",
    "OPSGENIE",
    "STATUSPAGE",
    "ATLASSIAN",
    "CONFLUENCE",
    "TRELLO",
    "ASANA",
    "NOTION",
    "LINEAR",
    "AIRTABLE",
    "ZENDESK",
    "INTERCOM",
    "FRESHDESK",
    "SALESFORCE",
    "SFDC",
    "HUBSPOT",
    "SERVICENOW",
    "WORDPRESS",
    "WP",
    "DRUPAL",
    "SHOPIFY",
    "SQUARE",
    "BRAINTREE",
    "PLAID",
    "DROPBOX",
    "BOX",
    "ZOOM",
    "TEAMS",
    "MATTERMOST",
    "ROCKETCHAT",
    "MATRIX",
    "SIGNAL",
    "WHATSAPP",
    "FACEBOOK",
    "META",
    "TWITTER",
    "LINKEDIN",
    "REDDIT",
    "SPOTIFY",
    "YOUTUBE",
    "MAPBOX",
    "ALGOLIA",
    "SEGMENT",
    "MIXPANEL",
    "AMPLITUDE",
    "POSTHOG",
    "LAUNCHDARKLY",
    "BUGSNAG",
    "ROLLBAR",
    "HONEYCOMB",
    "LOGGLY",
    "LOGDNA",
    "PAPERTRAIL",
    "SUMOLOGIC",
    "DYNATRACE",
    "APPDYNAMICS",
    "PROMETHEUS",
    "ALERTMANAGER",
    "LOKI",
    "TEMPO",
    "COHERE",
    "MISTRAL",
    "GROQ",
    "REPLICATE",
    "TOGETHER",
    "PINECONE",
    "WEAVIATE",
    "QDRANT",
    "WANDB",
    "LANGCHAIN",
    "LANGSMITH",
    "CROWDSTRIKE",
    "FALCON",
    "SENTINELONE",
    "S1",
    "TENABLE",
    "NESSUS",
    "QUALYS",
    "RAPID7",
    "WIZ",
    "PRISMA",
    "DUO",
    "CORTEX",
    "XSOAR",
    "DFIR",
    "VELOCIRAPTOR",
    "YETI",
    "CUCKOO",
    "CAPE",
    // Generic words that many programs use.
    "ID",
    "CR",
    "APPLICATION",
    "SERVER",
    "SERVICE",
    "CLIENT",
    "BACKEND",
    "FRONTEND",
    "BOT",
    "CONFIG",
    "ENV",
    "HOST",
    "LOGIN",
    "PASSWORD",
    "CREDENTIALS",
    "KEY",
    "CERT",
    "GL",
    "SYSTEM",
    "DO",
    "RENOVATE",
    "DOPPLER",
    "INFISICAL",
    "SNYK",
    "JFROG",
    "ARTIFACTORY",
    "NGROK",
    "TS",
    "RESTIC",
    "BORG",
    "RCLONE",
    "OS",
    "SA",
    "ETCD",
    "COUCHDB",
    "AIRFLOW",
    "SUPERSET",
    "ES",
    "KIBANA",
    "GEMINI",
    "RANCHER",
    "JIRA",
    "MISP",
    "THEHIVE",
    "API",
    "ACCESS",
    "AUTH",
    "ADMIN",
    "ROOT",
    "PRIVATE",
    "MASTER",
    "ENCRYPTION",
    "SIGNING",
    "WEBHOOK",
    "EMAIL",
    "USER",
    "TOKEN",
    "CERT",
    "STATE",
    "KEY",
    "PASSWORD",
    "CLIENT",
    "SERVER",
    // The operating system.
    "LD",
    "DYLD",
    "LC",
    "XDG",
    "DBUS",
    "SYSTEMD",
    "CREDENTIALS",
    "SUDO",
    "MALLOC",
];

/// Words that cannot occur within a profile's variables: if several connectors run in one process, the variables of
/// each are prefixed with its profile, such as `ACME_OPENCTI_TOKEN`.
const INNER: &[&str] = &["OPENCTI", "CONNECTOR", "MQ", "S3"];

/// Returns the environment variable of a setting.
pub fn variable(profile: &str, name: &str) -> String {
    format!("{profile}_{name}").replace('-', "_").to_uppercase()
}

/// Returns the reserved words by which a variable, or all variables of a profile, belong to another program.
pub(super) fn owner(name: &str) -> Option<&'static str> {
    let name = name.replace('-', "_").to_uppercase();
    let begins =
        |prefix: &&&str| name.strip_prefix(**prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    let inner = || INNER.iter().find(|word| name.split('_').any(|part| part == **word));
    PREFIXES.iter().find(begins).or_else(inner).copied()
}

/// Parts of names that indicate a credential anywhere.
const CREDENTIAL_PARTS: &[&str] = &[
    "token",
    "secret",
    "passw",
    "passphrase",
    "credential",
    "apikey",
    "privatekey",
    "cookie",
    "session",
    "sessid",
    "csrf",
    "xsrf",
    "passcode",
    "authcode",
    "connectionstring",
    "connection_string",
    "kubeconfig",
    "webhook",
    "keyfile",
    "oauth",
];

/// Words of names that indicate a credential.
const CREDENTIAL_WORDS: &[&str] = &[
    "key",
    "keys",
    "pass",
    "pwd",
    "pw",
    "auth",
    "authorization",
    "bearer",
    "cert",
    "certificate",
    "private",
    "pem",
    "sid",
    "assertion",
    "jwt",
    "pat",
    "pin",
    "otp",
    "psk",
    "hmac",
    "signature",
    "sig",
    "cred",
    "creds",
    "sas",
    "authn",
    "totp",
    "hotp",
    "ticket",
    "dsn",
];

/// Starts of other words that end with `key`.
const OTHER_KEYS: &[&str] = &["monkey", "turkey", "donkey", "hockey", "whiskey", "jockey"];

/// Returns whether the name of a setting, header or value indicates a credential.
pub fn is_credential(name: &str) -> bool {
    let lower = name.to_lowercase();
    // `accesskey` and `key2` are keys, too.
    let is_one = |word: String| {
        let word = word.trim_end_matches(|sign: char| sign.is_ascii_digit());
        let is_key = word.ends_with("key") || word.ends_with("keys");
        CREDENTIAL_WORDS.contains(&word) || is_key && !OTHER_KEYS.iter().any(|other| word.starts_with(other))
    };
    CREDENTIAL_PARTS.iter().any(|part| lower.contains(part)) || words(name).any(is_one)
}

/// Splits a name into lower-case words, including one in camel case such as `accessKey`.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut was_small = false;
    for sign in name.chars() {
        if was_small && sign.is_uppercase() {
            spaced.push('_');
        }
        was_small = sign.is_lowercase() || sign.is_ascii_digit();
        spaced.extend(sign.to_lowercase());
    }
    spaced.split(['_', '-', '.', ' ']).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// Returns whether a setting's name denotes an identity, which may be shown, rather than a credential.
pub(super) fn is_identity(name: &str) -> bool {
    const NAMES: &[&str] =
        &["user", "username", "login", "account", "email", "client_id", "user_id", "account_id", "tenant_id"];
    NAMES.contains(&name.to_lowercase().replace('-', "_").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Source};
    use crate::plan::Plan;
    use proptest::prelude::*;

    /// Returns a profile with one setting.
    fn profile(id: &str, setting: &str, kind: &str) -> String {
        let text = include_str!("../../../tests/diagnostics/secret-default.yaml");
        text.replace("id: example", &format!("id: {id}"))
            .replace("key: { type: secret, default: letmein,", &format!("{setting}: {{ type: {kind}, required: true,"))
            .replace("settings.key", &format!("settings.{setting}"))
    }

    fn codes(text: &str) -> Vec<Code> {
        let (_, diagnostics) = Plan::check(&Source::new("profile.yaml", text));
        diagnostics.into_iter().map(|diagnostic| diagnostic.code).collect()
    }

    #[test]
    fn variable_of_another_program_is_reserved() {
        for (id, setting) in [
            ("opencti", "token"),
            ("aws-web-identity", "token"),
            ("ssl", "cert"),
            ("http", "proxy"),
            ("no", "proxy"),
            ("all", "proxy"),
            ("new", "relic_key"),
            ("acme", "opencti_token"),
            ("acme-opencti", "token"),
            ("acme", "mq_pass"),
            ("listen-protocol-api-ssl", "key"),
            ("app", "admin_token"),
        ] {
            assert_eq!(codes(&profile(id, setting, "secret")), [Code::ReservedVariable], "{id} {setting}");
        }
        for (id, setting) in [("acme", "key"), ("httpbin", "key"), ("notes", "proxy")] {
            assert_eq!(codes(&profile(id, setting, "secret")), [], "{id} {setting}");
        }
    }

    #[test]
    fn setting_named_like_one_of_every_profile_is_refused() {
        let declared = |text: &str| profile("acme", "key", "secret").replace("required: true,", text);
        for name in ["api_base_url", "api_token_url", "api_base_url_file", "api_token_url_file"] {
            let found = codes(&declared(&format!("required: true, also: [{name}],")));
            assert_eq!(found, [Code::ReservedSetting], "{name}");
            assert!(codes(&profile("acme", name, "secret")).contains(&Code::ReservedSetting), "{name}");
        }
        for (other, also) in [("key_file", ""), ("other", ", also: [key_file]"), ("other", ", also: [key]")] {
            let text = declared(&format!("required: true, description: Key }}\n  {other}: {{ type: secret{also},"));
            assert!(codes(&text).contains(&Code::SettingNameTwice), "{text}");
        }
    }

    #[test]
    fn credential_name_of_any_text_type_is_refused() {
        for (setting, kind) in [("api_key", "string"), ("token", "string"), ("passwd", "string"), ("auth", "integer")] {
            let found = codes(&profile("acme", setting, kind));
            assert!(found.contains(&Code::CredentialNotSecret), "{setting}: {kind}: {found:?}");
        }
        for name in
            ["accesskey", "authkey2", "licensekeys", "passcode", "creds", "sas", "key2", "oauth", "connection_string"]
        {
            assert!(is_credential(name), "{name}");
        }
        for name in ["refreshToken", "accessKey", "Set-Cookie", "PHPSESSID_session", "X-Auth", "id_token", "sid"] {
            assert!(is_credential(name), "{name}");
        }
        for name in ["username", "keyword", "monkey", "tenant_id", "authors", "limit", "side", "rrname"] {
            assert!(!is_credential(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn accepted_profile_reads_no_variable_of_another_program(
            id in prop_oneof![
                "[a-z]{1,4}(-[a-z0-9]{1,4}){0,2}",
                (prop::sample::select(PREFIXES), "(-[a-z]{1,3})?").prop_map(|(prefix, rest)| {
                    format!("{}{rest}", prefix.to_lowercase().replace('_', "-"))
                }),
                prop::sample::select(PREFIXES).prop_map(|prefix| {
                    prefix.to_lowercase().split('_').next().unwrap_or_default().to_owned()
                }),
            ],
            setting in prop_oneof![
                "[a-z]{1,5}(_[a-z]{1,4})?",
                Just("proxy".to_owned()),
                Just("relic_key".to_owned()),
                prop::sample::select(INNER).prop_map(|word| format!("{}_token", word.to_lowercase())),
            ],
        ) {
            let words: Vec<String> = variable(&id, &setting).split('_').map(str::to_owned).collect();
            let is_reserved = (1..=words.len()).any(|end| PREFIXES.contains(&words[..end].join("_").as_str()))
                || words.iter().any(|word| INNER.contains(&word.as_str()));
            let found = codes(&profile(&id, &setting, "secret"));
            prop_assert_eq!(found.contains(&Code::ReservedVariable), is_reserved, "{:?} {:?} {:?}", id, setting, found);
        }
    }
}
