//! Where a connector's values come from: a variable that is set, then the file. What is no value of its kind is remembered as a
//! mistake, by name; the default stands in its place.

use crate::setting::variable;
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

    /// A value of `section.key`: of the profile's own first, where several run.
    fn find(&self, section: &str, key: &str) -> Option<String> {
        let own = self.prefix.as_ref().and_then(|prefix| self.named(&format!("{prefix}_{section}"), key));
        own.or_else(|| self.named(section, key))
    }

    fn named(&self, section: &str, key: &str) -> Option<String> {
        if let Some(value) = self.variables.get(&variable(section, key)) {
            // A variable that is set and empty stands for the default, whatever the file says.
            return Some(value.clone()).filter(|value| !value.trim().is_empty());
        }
        let found = self.file.get(section)?.get(key)?;
        match found {
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Value::Sequence(items) => Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
            _ => None,
        }
    }

    pub(super) fn text(&self, section: &str, key: &str) -> Option<String> {
        self.find(section, key).map(|text| text.trim().to_owned())
    }

    /// A secret may stand in a file that a variable names: of the profile's own first, where several run.
    pub(super) fn secret(&mut self, section: &str, key: &str) -> Option<Zeroizing<String>> {
        let own = self.prefix.as_ref().map(|prefix| format!("{prefix}_{section}"));
        for section in own.as_deref().into_iter().chain([section]) {
            if let Some(text) = self.named(section, key) {
                return Some(Zeroizing::new(text.trim().to_owned()));
            }
            let name = format!("{}_FILE", variable(section, key));
            if let Some(path) = self.variable(&name) {
                return self.in_file(&name, &path);
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
            self.mistakes.push(format!("{} is missing: {what}", variable(section, key)));
            String::new()
        })
    }

    pub(super) fn flag(&mut self, section: &str, key: &str, default: bool) -> bool {
        let Some(text) = self.text(section, key) else { return default };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "t" | "y" => true,
            "false" | "no" | "off" | "0" | "f" | "n" => false,
            _ => {
                self.mistakes.push(format!("{} is neither true nor false", variable(section, key)));
                default
            }
        }
    }

    pub(super) fn number(&mut self, section: &str, key: &str, default: u64, least: u64, most: u64) -> u64 {
        let Some(text) = self.text(section, key) else { return default };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.mistakes.push(format!("{} is no number from {least} to {most}", variable(section, key)));
                default
            }
        }
    }

    /// A variable that belongs to no section.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.trim().is_empty()).cloned()
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
}
