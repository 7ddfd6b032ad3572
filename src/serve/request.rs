//! Splits a request into named values: the parameters of its query and the values of its body. Values that depend on
//! the clock or identify the client are not compared.

use serde_json::Value;
use std::collections::BTreeSet;
use url::form_urlencoded;

/// The values of a request, each with its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Values(BTreeSet<(String, String)>);

impl Values {
    /// Splits a request.
    pub(super) fn of(target: &str, body: Option<&str>) -> Values {
        let (_, query) = target.split_once('?').unwrap_or((target, ""));
        let mut values = Values::default();
        values.form("parameter", query);
        match body.map(|body| (body, serde_json::from_str::<Value>(body))) {
            Some((_, Ok(json))) => values.json("$", &json),
            Some((form, Err(_))) => values.form("field", form),
            None => {}
        }
        values
    }

    fn form(&mut self, what: &str, text: &str) {
        let pairs = form_urlencoded::parse(text.as_bytes());
        self.0.extend(pairs.map(|(name, value)| (format!("{what} {name}"), value.into_owned())));
    }

    fn json(&mut self, at: &str, value: &Value) {
        match value {
            Value::Object(entries) => entries.iter().for_each(|(key, value)| self.json(&format!("{at}.{key}"), value)),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| self.json(&format!("{at}[{i}]"), item));
            }
            single => {
                let text = single.as_str().map_or_else(|| single.to_string(), str::to_owned);
                self.0.insert((format!("body {at}"), text));
            }
        }
    }

    /// Returns the names of values that differ.
    pub(super) fn differing_names(&self, other: &Values) -> BTreeSet<String> {
        self.0.symmetric_difference(&other.0).map(|(name, _)| name.clone()).collect()
    }

    /// Returns the names of values that contain the name of a secret.
    pub(super) fn names_of_secrets(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|(_, value)| is_secret(value)).map(|(name, _)| name)
    }
}

/// Tests for the name of a secret in braces, as cases contain it instead of the secret.
pub(super) fn is_secret(text: &str) -> bool {
    text.contains('{') && text.contains('}')
}
