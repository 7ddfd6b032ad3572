//! A request taken apart, as its recorded counterpart is: the parameters of its query and the values of its body, each with its
//! place. What moves on with the clock, and what says who asks, is not compared.

use super::matching::is_secret;
use serde_json::Value;
use std::collections::BTreeSet;
use url::form_urlencoded;

/// The values of a request: where each stands, and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Values(BTreeSet<(String, String)>);

impl Values {
    /// Takes a request apart.
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

    /// The places of values that are not the same in both.
    pub(super) fn places_that_differ(&self, other: &Values) -> BTreeSet<String> {
        self.0.symmetric_difference(&other.0).map(|(place, _)| place.clone()).collect()
    }

    /// The places of values that hold the name of a secret.
    pub(super) fn secret_places(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|(_, value)| is_secret(value)).map(|(place, _)| place)
    }
}
