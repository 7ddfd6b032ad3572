//! Sources of settings of the connector: environment variables, then the settings file. Invalid values are collected as
//! mistakes by name, and the default is used.

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

/// All keys by section: platform, connector, message broker, object store.
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

/// Returns the keys of a section of the settings file, which may be prefixed with the id of a profile.
pub(crate) fn known_keys(section: &str, is_profile: impl Fn(&str) -> bool) -> Option<&'static [&'static str]> {
    let is_named = |name: &str| {
        let id = section.strip_suffix(name).and_then(|id| id.strip_suffix('_'));
        section == name || id.is_some_and(&is_profile)
    };
    KEYS.iter().find(|(name, _)| is_named(name)).map(|(_, keys)| *keys)
}

/// Returns the names of the connector's sections, without the id of a profile.
pub(crate) fn section_names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(name, _)| *name)
}

fn is_known(section: &str, key: &str) -> bool {
    KEYS.iter().any(|(known, keys)| *known == section && keys.contains(&key))
}

/// The sources of all settings, with the mistakes found in them.
pub(super) struct Values {
    pub(super) variables: BTreeMap<String, String>,
    file: Value,
    /// Profile id that prefixes sections and variables when several connectors run in one process.
    prefix: Option<String>,
    pub(super) mistakes: Vec<String>,
}

impl Values {
    pub(super) fn new(variables: BTreeMap<String, String>, file: Value, prefix: Option<String>) -> Self {
        Self { variables, file, prefix, mistakes: vec![] }
    }

    /// Returns the sections to search: the one prefixed with the profile first, then the common one.
    fn sections(&self, section: &str) -> impl Iterator<Item = String> + use<> {
        let own = self.prefix.as_ref().map(|prefix| format!("{prefix}_{section}"));
        own.into_iter().chain([section.to_owned()])
    }

    /// Returns the value of `section.key`, if it is set.
    fn find(&self, section: &str, key: &str) -> Option<String> {
        debug_assert!(is_known(section, key), "`{section}.{key}` is missing in the table of keys");
        for section in self.sections(section) {
            if let Some(value) = self.variables.get(&variable(&section, key)) {
                // An empty variable selects the default, even if the file has a value.
                return Some(value.clone()).filter(|value| !value.trim().is_empty());
            }
            if let Some(value) = self.in_section(&section, key) {
                return Some(value);
            }
        }
        None
    }

    /// Returns a warning for each unknown key or variable, which may belong to another program. A likely misspelling in
    /// the file was refused before.
    pub(super) fn unknown(&self) -> Vec<String> {
        let mut warnings = vec![];
        for (section, keys) in KEYS {
            let known: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            for section in self.sections(section) {
                let Some(Value::Mapping(found)) = self.file.get(&section) else { continue };
                let found = found.keys().filter_map(Value::as_str).filter(|key| !known.contains(*key));
                for key in found {
                    if nearest(key, keys.iter().copied()).is_none() {
                        warnings.push(format!("Unknown setting `{section}.{key}` is ignored"));
                    }
                }
            }
        }
        warnings.extend(self.misspelled_variables());
        warnings
    }

    fn misspelled_variables(&self) -> Vec<String> {
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

    /// Returns a scalar or a list of the file as text.
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

    /// Returns the name of the variable to report: the prefixed one if it is set, else the common one.
    fn name(&self, section: &str, key: &str) -> String {
        let mut names = self.sections(section).map(|section| variable(&section, key));
        names.find(|name| self.variables.contains_key(name)).unwrap_or_else(|| variable(section, key))
    }

    /// Records an invalid value, without repeating it: it may be a secret set in the wrong variable.
    pub(super) fn invalid(&mut self, section: &str, key: &str, expected: &str) {
        let name = self.name(section, key);
        self.mistakes.push(format!("invalid {name}: expected {expected}"));
    }

    /// Records a required setting that is not set.
    pub(super) fn missing(&mut self, section: &str, key: &str, description: &str) {
        let name = self.name(section, key);
        self.mistakes.push(format!("missing {name}: {description}"));
    }

    pub(super) fn text(&self, section: &str, key: &str) -> Option<String> {
        self.find(section, key).map(|text| text.trim().to_owned())
    }

    /// Returns a secret: from the variable, the file named by the variable `…_FILE`, or the settings file.
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

    /// Reads a secret from the file at `path`, which the variable `name` contains.
    pub(super) fn in_file(&mut self, name: &str, path: &str) -> Option<Zeroizing<String>> {
        let read =
            operator_path::read_text(Path::new(path), Bound::VALUE).map(|text| Zeroizing::new(text.trim().to_owned()));
        let read = read.map_err(|error| format!("failed to read the file of {name}: {error}"));
        read.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    pub(super) fn required(&mut self, section: &str, key: &str, description: &str) -> String {
        let found = self.text(section, key).filter(|text| text != "ChangeMe");
        found.unwrap_or_else(|| {
            self.missing(section, key, description);
            String::new()
        })
    }

    pub(super) fn flag(&mut self, section: &str, key: &str, default: bool) -> bool {
        let Some(text) = self.text(section, key) else { return default };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "t" | "y" => true,
            "false" | "no" | "off" | "0" | "f" | "n" => false,
            _ => {
                self.invalid(section, key, "true or false");
                default
            }
        }
    }

    pub(super) fn number(&mut self, section: &str, key: &str, default: u64, least: u64, most: u64) -> u64 {
        let Some(text) = self.text(section, key) else { return default };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.invalid(section, key, &format!("an integer from {least} to {most}"));
                default
            }
        }
    }

    /// Returns a non-empty variable that belongs to no section.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.trim().is_empty()).cloned()
    }

    /// Returns the matching choice, ignoring case; the first one is the default.
    pub(super) fn choice(&mut self, section: &str, key: &str, choices: &[&'static str]) -> &'static str {
        let Some(text) = self.text(section, key) else { return choices[0] };
        let found = choices.iter().find(|choice| choice.eq_ignore_ascii_case(&text));
        found.copied().unwrap_or_else(|| {
            self.invalid(section, key, &format!("one of {}", choices.join(", ")));
            choices[0]
        })
    }

    /// Returns PEM text, given as such or as the path of a file.
    pub(super) fn pem(&mut self, name: &str, value: Option<String>) -> Option<String> {
        let value = value?;
        if value.trim_start().starts_with("-----BEGIN") {
            return Some(value);
        }
        // The value is not repeated: it may be a key that lost its first line.
        let read = operator_path::read_text(Path::new(&value), Bound::VALUE);
        let read = read.map_err(|error| format!("invalid {name}: expected PEM or a readable file: {error}"));
        read.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// Returns certificates of authorities as PEM: given as such, or as the path of a file or of a directory of files.
    pub(super) fn authorities(&mut self, name: &str, value: &str) -> Option<String> {
        let pem = match operator_path::files_of(Path::new(value)) {
            // Other files in the directory are ignored.
            Some(files) => {
                let texts = files.iter().filter_map(|file| operator_path::read_text(file, Bound::VALUE).ok());
                texts.filter(|text| is_certificates(text)).collect::<Vec<_>>().join("\n")
            }
            None => self.pem(name, Some(value.to_owned()))?,
        };
        if is_certificates(&pem) {
            return Some(pem);
        }
        self.mistakes.push(format!("invalid {name}: no valid certificate in PEM"));
        None
    }
}

/// Returns whether a text consists of certificates in PEM that are valid trust anchors, at least one.
fn is_certificates(text: &str) -> bool {
    let mut store = RootCertStore::empty();
    let mut all = CertificateDer::pem_slice_iter(text.as_bytes());
    all.all(|certificate| certificate.is_ok_and(|certificate| store.add(certificate).is_ok())) && !store.is_empty()
}
