//! Serialization of a case as YAML, for the commands that write cases: `draft`, `new`, `record` and `test --properties`.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A case, in the order of its keys.
#[derive(Debug, Serialize)]
pub(crate) struct CaseText<'c> {
    pub(crate) about: String,
    pub(crate) now: String,
    pub(crate) observable: ObservableText<'c>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) settings: BTreeMap<&'c str, &'c str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) exchanges: Vec<ExchangeText<'c>>,
}

/// The observable that is looked up, with its markings.
#[derive(Debug, Serialize)]
pub(crate) struct ObservableText<'c> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) value: &'c str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tlp: Vec<&'c str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pap: Vec<&'c str>,
}

/// A redacted request, and the response to it.
#[derive(Debug, Serialize)]
pub(crate) struct ExchangeText<'c> {
    pub(crate) request: &'c str,
    pub(crate) reply: ReplyText<'c>,
}

/// A response, or the fault that interrupted it.
#[derive(Debug, Serialize)]
pub(crate) struct ReplyText<'c> {
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<&'c str, &'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
}

impl<'c> ReplyText<'c> {
    /// Returns a reply with its body in the case: as JSON if it serializes to the same bytes, otherwise as text. The first of
    /// several headers of the same name is kept.
    pub(crate) fn whole(status: u16, headers: &'c [(String, String)], body: &[u8]) -> ReplyText<'c> {
        let value = serde_json::from_slice::<Value>(body).ok();
        let json = value.filter(|value| !value.is_null() && value.to_string().as_bytes() == body);
        let is_text = json.is_none() && !body.is_empty();
        let text = is_text.then(|| String::from_utf8_lossy(body).into_owned());
        ReplyText { status, headers: by_name(headers), json, text, file: None, fault: None }
    }

    /// Returns the reply as received until a fault.
    pub(crate) fn broken(self, fault: Option<&'static str>) -> ReplyText<'c> {
        ReplyText { fault, ..self }
    }

    /// Returns a reply whose body is a file next to the case.
    pub(crate) fn beside(status: u16, headers: &'c [(String, String)], file: String) -> ReplyText<'c> {
        ReplyText { status, headers: by_name(headers), json: None, text: None, file: Some(file), fault: None }
    }
}

fn by_name(headers: &[(String, String)]) -> BTreeMap<&str, &str> {
    headers.iter().rev().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

impl CaseText<'_> {
    /// Serializes the case to YAML.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        Ok(serde_yaml::to_string(self)?)
    }
}
