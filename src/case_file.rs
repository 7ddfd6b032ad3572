//! A case as its file says it: written by those who make cases, for `stixmap test` to play.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A case.
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

/// What is asked about.
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

/// A request as it is shown, and its answer.
#[derive(Debug, Serialize)]
pub(crate) struct ExchangeText<'c> {
    pub(crate) request: &'c str,
    pub(crate) reply: ReplyText<'c>,
}

/// An answer, or what went wrong on the way.
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
    /// A reply whose body stands in the case: as JSON where a reader sees the same bytes, as text otherwise. Of several
    /// headers of one name, the first counts.
    pub(crate) fn whole(status: u16, headers: &'c [(String, String)], body: &[u8]) -> ReplyText<'c> {
        let value = serde_json::from_slice::<Value>(body).ok();
        let json = value.filter(|value| !value.is_null() && value.to_string().as_bytes() == body);
        let is_text = json.is_none() && !body.is_empty();
        let text = is_text.then(|| String::from_utf8_lossy(body).into_owned());
        ReplyText { status, headers: by_name(headers), json, text, file: None, fault: None }
    }

    /// The reply, as far as it came when something went wrong.
    pub(crate) fn broken(self, fault: Option<&'static str>) -> ReplyText<'c> {
        ReplyText { fault, ..self }
    }

    /// A reply whose body is a file beside the case.
    pub(crate) fn beside(status: u16, headers: &'c [(String, String)], file: String) -> ReplyText<'c> {
        ReplyText { status, headers: by_name(headers), json: None, text: None, file: Some(file), fault: None }
    }
}

fn by_name(headers: &[(String, String)]) -> BTreeMap<&str, &str> {
    headers.iter().rev().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

impl CaseText<'_> {
    /// The text of its file.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        Ok(serde_yaml::to_string(self)?)
    }
}
