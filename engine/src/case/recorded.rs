//! A recorded case, and how it is read.

use super::declaration::{CaseFile, ExchangeBlock, FaultWord};
use super::exchange::Exchange;
use crate::diagnostic::{Code, Diagnostic, Source, capped};
use crate::plan::time_text;
use crate::run::Response;
use crate::stix::{Marking, Observable};
use crate::yaml::{self, Size, Tree};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A valid case that can be played.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the case tests, in one sentence.
    pub about: String,
    /// Start time of the run.
    pub now: Timestamp,
    /// The observable that is looked up.
    pub observable: Observable,
    /// Markings of the observable, which the TLP and PAP gates evaluate.
    pub markings: Vec<Marking>,
    /// Values of the profile's settings, by name.
    pub settings: BTreeMap<String, String>,
    /// The expected requests with their responses, in order.
    pub exchanges: Vec<Exchange>,
}

impl Case {
    /// Parses a case. On failure, returns every mistake in it. `load` returns the content of a file in the folder of
    /// the case.
    pub fn read(source: &Arc<Source>, load: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<Case, Vec<Diagnostic>> {
        let (file, tree) = yaml::read::<CaseFile>(source, Size::CASE).map_err(capped)?;
        let mut diagnostics = vec![];
        let now = now(&file, &tree, &mut diagnostics);
        let observable = observable(&file, &tree, &mut diagnostics);
        let exchanges: Vec<Option<Exchange>> = file
            .exchanges
            .iter()
            .enumerate()
            .map(|(i, block)| exchange(block, &tree, &format!("/exchanges/{i}"), &load, &mut diagnostics))
            .collect();
        let exchanges: Option<Vec<Exchange>> = exchanges.into_iter().collect();
        let (Some(now), Some(observable), Some(exchanges)) = (now, observable, exchanges) else {
            return Err(capped(diagnostics));
        };
        let tlp = file.observable.tlp.iter().map(|text| Marking::tlp(text));
        let markings = tlp.chain(file.observable.pap.iter().map(|text| Marking::pap(text))).collect();
        Ok(Case { about: file.about, now, observable, markings, settings: file.settings, exchanges })
    }
}

fn now(file: &CaseFile, tree: &Tree, diagnostics: &mut Vec<Diagnostic>) -> Option<Timestamp> {
    let now = time_text(&file.now);
    if now.is_none() {
        diagnostics.push(error(
            Code::WrongForm,
            tree,
            "/now",
            "invalid timestamp",
            "expected a timestamp such as `2024-03-01T00:00:00Z`",
        ));
    }
    now
}

fn observable(file: &CaseFile, tree: &Tree, diagnostics: &mut Vec<Diagnostic>) -> Option<Observable> {
    let parsed = Observable::parse(file.observable.kind, &file.observable.value);
    parsed
        .map_err(|reason| {
            diagnostics.push(error(
                Code::CaseObservable,
                tree,
                "/observable/value",
                &reason.to_string(),
                "invalid value",
            ))
        })
        .ok()
}

/// Returns whether the target is a path of the provider's API, or the whole URL of a token server.
fn is_target(target: &str) -> bool {
    target.starts_with('/') || target.starts_with("https://")
}

fn exchange(
    block: &ExchangeBlock,
    tree: &Tree,
    at: &str,
    load: impl Fn(&str) -> Result<Vec<u8>, String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Exchange> {
    let Some((method, target)) = block.request.split_once(' ').filter(|(_, target)| is_target(target)) else {
        let label = "expected a request such as `GET /path?name=value`";
        diagnostics.push(error(Code::CaseRequest, tree, &format!("{at}/request"), "invalid request", label));
        return None;
    };
    let reply = &block.reply;
    let body = match (&reply.json, &reply.text, &reply.file) {
        (Some(value), None, None) => serde_json::to_vec(value).expect("a value is JSON"),
        (None, Some(text), None) => text.clone().into_bytes(),
        (None, None, Some(name)) => match load(name) {
            Ok(bytes) => bytes,
            Err(reason) => {
                diagnostics.push(error(
                    Code::CaseFile,
                    tree,
                    &format!("{at}/reply/file"),
                    "cannot read response file",
                    reason,
                ));
                return None;
            }
        },
        (None, None, None) => vec![],
        _ => {
            let label = "expected one of `json`, `text` and `file`";
            diagnostics.push(error(Code::CaseReply, tree, &format!("{at}/reply"), "multiple response bodies", label));
            return None;
        }
    };
    let headers = reply.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    let fault = reply.fault.map(FaultWord::fault);
    let response = Response { status: reply.status, headers, body, cut: None };
    Some(Exchange::new(method, target, response, fault))
}

pub(super) fn error(code: Code, tree: &Tree, pointer: &str, message: &str, label: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message, tree.source(), tree.span(pointer), label)
}
