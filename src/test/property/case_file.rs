//! A generated run as a case: the file that shows it again, by `stixmap test`, without a generator.

use super::play::{Exchange, NOW, Played};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A case, as its file says it.
#[derive(Serialize)]
pub(super) struct CaseText<'c> {
    about: String,
    now: &'static str,
    observable: ObservableText<'c>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    settings: BTreeMap<&'c str, &'c str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exchanges: Vec<ExchangeText<'c>>,
}

#[derive(Serialize)]
struct ObservableText<'c> {
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'c str,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    tlp: &'c [&'static str],
}

#[derive(Serialize)]
struct ExchangeText<'c> {
    request: &'c str,
    reply: ReplyText<'c>,
}

#[derive(Serialize)]
struct ReplyText<'c> {
    status: u16,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'c str, &'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
}

/// The text of a case.
pub(super) fn write(about: &str, played: &Played) -> anyhow::Result<String> {
    Ok(serde_yaml::to_string(&case(about, played))?)
}

/// What was asked and answered.
pub(super) fn case<'c>(about: &str, played: &'c Played) -> CaseText<'c> {
    let observable = &played.setting.observable;
    CaseText {
        about: about.to_owned(),
        now: NOW,
        observable: ObservableText {
            kind: observable.kind().stix_type(),
            value: observable.value(),
            tlp: &played.setting.tlp,
        },
        settings: played.setting.given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        exchanges: played.exchanges.iter().map(exchange).collect(),
    }
}

fn exchange(exchange: &Exchange) -> ExchangeText<'_> {
    let reply = &exchange.reply;
    // As JSON where a reader sees the same bytes, as text otherwise.
    let value = serde_json::from_slice::<Value>(&reply.body).ok();
    let json = value.filter(|value| !value.is_null() && value.to_string().as_bytes() == reply.body);
    let is_text = json.is_none() && !reply.body.is_empty();
    ExchangeText {
        request: &exchange.request,
        reply: ReplyText {
            status: reply.status,
            headers: reply.headers.iter().rev().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            json,
            text: is_text.then(|| String::from_utf8_lossy(&reply.body).into_owned()),
            fault: reply.fault,
        },
    }
}
