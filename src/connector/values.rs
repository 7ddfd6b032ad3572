//! Where a connector's values come from: a variable that is set, then the file. What is no value of its kind is remembered as a
//! mistake, by name; the default stands in its place.

use crate::setting::variable;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_yaml::Value;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

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
        let read = std::fs::read_to_string(path).map(|text| Zeroizing::new(text.trim().to_owned()));
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
        let read = std::fs::read_to_string(&value);
        let read = read.map_err(|error| format!("{name} is neither PEM nor a file that can be read: {error}"));
        read.map_err(|mistake| self.mistakes.push(mistake)).ok()
    }

    /// Certificates of authorities: PEM, or the path of a file or of a folder of files.
    pub(super) fn authorities(&mut self, name: &str, value: &str) -> Option<String> {
        let pem = match std::fs::read_dir(value) {
            // What else lies there is passed over.
            Ok(folder) => {
                let texts = folder.flatten().filter_map(|file| std::fs::read_to_string(file.path()).ok());
                texts.filter(|text| is_certificates(text)).collect::<Vec<_>>().join("\n")
            }
            Err(_) => self.pem(name, Some(value.to_owned()))?,
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
