//! Where a connector's values come from: a variable that is set, then the file. What is no value of its kind is remembered as a
//! mistake, by name; the default stands in its place.

use crate::files::{Bound, operator_path};
use crate::setting::variable;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use stixmap_engine::yaml::nearest;
use zeroize::Zeroizing;

/// Every key of the platform's, the connector's, the broker's and the object store's sections.
#[rustfmt::skip]
const KEYS: &[(&str, &[&str])] = &[
    ("opencti", &["url", "token", "custom_headers", "ssl_verify", "json_logging"]),
    ("connector", &[
        "id", "name", "type", "scope", "auto", "auto_update", "only_contextual", "enrichment_resolution",
        "xtm_one_intent", "auto_create_service_account", "validate_before_import", "log_level", "concurrency", "memory_budget",
        "delivery_timeout", "grace_period", "queue_protocol", "send_to_queue", "send_to_directory",
        "send_to_directory_path", "send_to_directory_retention", "send_to_s3", "send_to_s3_bucket",
        "send_to_s3_folder", "send_to_s3_retention", "expose_metrics", "metrics_port", "metrics_address",
        "metrics_namespace", "metrics_subsystem", "listen_protocol", "listen_protocol_api_port",
        "listen_protocol_api_address", "listen_protocol_api_path", "listen_protocol_api_uri",
        "listen_protocol_api_ssl", "listen_protocol_api_ssl_cert", "listen_protocol_api_ssl_key",
        "listen_protocol_api_ssl_passphrase", "journal_path",
    ]),
    ("mq", &[
        "host", "port", "vhost", "user", "pass", "use_ssl", "use_ssl_reject_unauthorized", "use_ssl_ca", "use_ssl_cert",
        "use_ssl_key", "use_ssl_passphrase",
    ]),
    ("s3", &["endpoint", "port", "use_ssl", "bucket_region", "access_key", "secret_key"]),
];

fn is_known(section: &str, key: &str) -> bool {
    KEYS.iter().any(|(known, keys)| *known == section && keys.contains(&key))
}

/// Where values come from.
pub(super) struct Values {
    pub(super) variables: BTreeMap<String, String>,
    file: Value,
    /// Where several connectors run in one process, each one's own values stand under its profile's name too.
    prefix: Option<String>,
    pub(super) mistakes: Vec<String>,
}

impl Values {
    pub(super) fn new(variables: BTreeMap<String, String>, file: Value, prefix: Option<String>) -> Self {
        Self { variables, file, prefix, mistakes: vec![] }
    }

    /// Where a value may stand: in the profile's own section first, where several run.
    fn sections(&self, section: &str) -> impl Iterator<Item = String> + use<> {
        let own = self.prefix.as_ref().map(|prefix| format!("{prefix}_{section}"));
        own.into_iter().chain([section.to_owned()])
    }

    /// A value of `section.key`.
    fn find(&self, section: &str, key: &str) -> Option<String> {
        debug_assert!(is_known(section, key), "`{section}.{key}` is missing in the table of keys");
        for section in self.sections(section) {
            if let Some(value) = self.variables.get(&variable(&section, key)) {
                // A variable that is set and empty stands for the default, whatever the file says.
                return Some(value.clone()).filter(|value| !value.trim().is_empty());
            }
            if let Some(value) = self.in_section(&section, key) {
                return Some(value);
            }
        }
        None
    }

    /// Reports keys and variables that no setting has: a likely misspelling in the file is a mistake, anything else is
    /// returned as a warning, since other programs may share the file and the environment.
    pub(super) fn unknown(&mut self) -> Vec<String> {
        let mut warnings = vec![];
        for (section, keys) in KEYS {
            let known: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            for section in self.sections(section) {
                let Some(Value::Mapping(found)) = self.file.get(&section) else { continue };
                let found = found.keys().filter_map(Value::as_str).filter(|key| !known.contains(*key));
                for key in found {
                    match nearest(key, keys.iter().copied()) {
                        Some(near) => {
                            self.mistakes.push(format!("unknown setting `{section}.{key}`; did you mean `{near}`?"));
                        }
                        None => warnings.push(format!("Unknown setting `{section}.{key}` is ignored")),
                    }
                }
            }
        }
        warnings.extend(self.misspelt_variables());
        warnings
    }

    fn misspelt_variables(&self) -> Vec<String> {
        let sections = KEYS.iter().flat_map(|(section, keys)| {
            let pairs = keys.iter().map(move |key| (*section, *key));
            pairs.flat_map(|(section, key)| {
                self.sections(section).map(|section| variable(&section, key)).collect::<Vec<_>>()
            })
        });
        let known: BTreeSet<String> = sections.flat_map(|name| [format!("{name}_FILE"), name]).collect();
        let prefixes: BTreeSet<String> =
            KEYS.iter().flat_map(|(section, _)| self.sections(section)).map(|section| variable(&section, "")).collect();
        let is_ours = |name: &&String| prefixes.iter().any(|prefix| name.starts_with(prefix)) && !known.contains(*name);
        let near = |name: &String| {
            nearest(name, known.iter().map(String::as_str))
                .map(|near| format!("Unknown variable `{name}` is ignored; did you mean `{near}`?"))
        };
        self.variables.keys().filter(is_ours).filter_map(near).collect()
    }

    /// The sections of a settings file that are not a profile's.
    pub(super) fn section_names(ids: &[String]) -> Vec<String> {
        let own = ids.iter().flat_map(|id| KEYS.iter().map(move |(section, _)| format!("{id}_{section}")));
        KEYS.iter().map(|(section, _)| (*section).to_owned()).chain(own).collect()
    }

    /// A value in the file.
    fn in_section(&self, section: &str, key: &str) -> Option<String> {
        let text = match self.file.get(section)?.get(key)? {
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            Value::Sequence(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            _ => return None,
        };
        Some(text).filter(|text| !text.trim().is_empty())
    }

    /// What the variable of a value is called: the profile's own where that is set.
    fn name(&self, section: &str, key: &str) -> String {
        let mut names = self.sections(section).map(|section| variable(&section, key));
        names.find(|name| self.variables.contains_key(name)).unwrap_or_else(|| variable(section, key))
    }

    /// A value is not what it may be: `what` says why.
    pub(super) fn mistake(&mut self, section: &str, key: &str, what: &str) {
        let name = self.name(section, key);
        self.mistakes.push(format!("{name} {what}"));
    }

    pub(super) fn text(&self, section: &str, key: &str) -> Option<String> {
        self.find(section, key).map(|text| text.trim().to_owned())
    }

    /// A secret may stand in a file that a variable names, too.
    pub(super) fn secret(&mut self, section: &str, key: &str) -> Option<Zeroizing<String>> {
        debug_assert!(is_known(section, key), "`{section}.{key}` is missing in the table of keys");
        for section in self.sections(section) {
            let name = variable(&section, key);
            if let Some(text) = self.variable(&name) {
                return Some(Zeroizing::new(text.trim().to_owned()));
            }
            let file = format!("{name}_FILE");
            if let Some(path) = self.variable(&file) {
                return self.in_file(&file, &path);
            }
            if self.variables.contains_key(&name) {
                return None;
            }
            if let Some(text) = self.in_section(&section, key) {
                return Some(Zeroizing::new(text.trim().to_owned()));
            }
        }
        None
    }

    /// A secret in a file that the variable `name` names.
    pub(super) fn in_file(&mut self, name: &str, path: &str) -> Option<Zeroizing<String>> {
        let read =
            operator_path::read_text(Path::new(path), Bound::VALUE).map(|text| Zeroizing::new(text.trim().to_owned()));
        let read = read.map_err(|error| format!("{name} names a file that cannot be read: {error}"));
        read.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    pub(super) fn required(&mut self, section: &str, key: &str, what: &str) -> String {
        let found = self.text(section, key).filter(|text| text != "ChangeMe");
        found.unwrap_or_else(|| {
            self.mistake(section, key, &format!("is missing: {what}"));
            String::new()
        })
    }

    pub(super) fn flag(&mut self, section: &str, key: &str, default: bool) -> bool {
        let Some(text) = self.text(section, key) else { return default };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "t" | "y" => true,
            "false" | "no" | "off" | "0" | "f" | "n" => false,
            _ => {
                self.mistake(section, key, "is neither true nor false");
                default
            }
        }
    }

    pub(super) fn number(&mut self, section: &str, key: &str, default: u64, least: u64, most: u64) -> u64 {
        let Some(text) = self.text(section, key) else { return default };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.mistake(section, key, &format!("is no number from {least} to {most}"));
                default
            }
        }
    }

    /// A variable that belongs to no section.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.trim().is_empty()).cloned()
    }

    /// One of some words, in any case.
    pub(super) fn word(&mut self, section: &str, key: &str, words: &[&'static str]) -> &'static str {
        let Some(text) = self.text(section, key) else { return words[0] };
        let found = words.iter().find(|word| word.eq_ignore_ascii_case(&text));
        found.copied().unwrap_or_else(|| {
            self.mistake(section, key, &format!("is none of {}", words.join(", ")));
            words[0]
        })
    }

    /// PEM, or the path of it.
    pub(super) fn pem(&mut self, name: &str, value: Option<String>) -> Option<String> {
        let value = value?;
        if value.trim_start().starts_with("-----BEGIN") {
            return Some(value);
        }
        // The value is not repeated: it may be a key whose first line is gone.
        let read = operator_path::read_text(Path::new(&value), Bound::VALUE);
        let read = read.map_err(|error| format!("{name} is neither PEM nor a file that can be read: {error}"));
        read.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// Certificates of authorities: PEM, or the path of a file or of a folder of files.
    pub(super) fn authorities(&mut self, name: &str, value: &str) -> Option<String> {
        let pem = match operator_path::files_of(Path::new(value)) {
            // What else lies there is passed over.
            Some(files) => {
                let texts = files.iter().filter_map(|file| operator_path::read_text(file, Bound::VALUE).ok());
                texts.filter(|text| is_certificates(text)).collect::<Vec<_>>().join("\n")
            }
            None => self.pem(name, Some(value.to_owned()))?,
        };
        if is_certificates(&pem) {
            return Some(pem);
        }
        self.mistakes.push(format!("{name} holds no certificate that can be read"));
        None
    }
}

/// Whether a text is PEM of certificates that can vouch for others, of one at least.
fn is_certificates(text: &str) -> bool {
    let mut store = RootCertStore::empty();
    let mut all = CertificateDer::pem_slice_iter(text.as_bytes());
    all.all(|certificate| certificate.is_ok_and(|certificate| store.add(certificate).is_ok())) && !store.is_empty()
}
