//! A recorded test case: an observable, the exchanges with the provider, and the transcript of what came of them.
//! Playing a case is a run like any other, with recorded answers and a clock that only waits move.

mod declaration;
mod play;

pub use declaration::{CaseFile, ExchangeBlock, FaultWord, ObservableBlock, ReplyBlock};
pub use play::{Asked, Exchange, Played, input, play};

use crate::diagnostic::{Code, Diagnostic, Source, capped};
use crate::plan::{Plan, SettingSpec, time_text};
use crate::run::{OutcomeKind, Response};
use crate::stix::{Marking, Observable};
use crate::yaml::{self, Size, Tree};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A case, ready to be played.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it shows, in a sentence.
    pub about: String,
    /// What time it is when it starts.
    pub now: Timestamp,
    /// What is asked about.
    pub observable: Observable,
    /// How it is marked.
    pub markings: Vec<Marking>,
    /// What the operator gave.
    pub settings: BTreeMap<String, String>,
    /// What is asked and answered, in order.
    pub exchanges: Vec<Exchange>,
}

impl Case {
    /// Reads a case, or tells every mistake in it. `load` gives the bytes of a file beside it.
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

/// Every mistake in a case of this plan: in what it says, and in what it shows.
pub fn check(source: &Arc<Source>, plan: &Plan, load: impl Fn(&str) -> Result<Vec<u8>, String>) -> Vec<Diagnostic> {
    let case = match Case::read(source, load) {
        Ok(case) => case,
        Err(diagnostics) => return diagnostics,
    };
    let tree = Tree::parse(source).expect("it has just been read");
    let mut diagnostics = settings(&case, plan, &tree);
    if let Ok(played) = play(plan, &case)
        && case.exchanges.is_empty()
        && played.report.outcome.kind != OutcomeKind::Refused
    {
        diagnostics.push(error(
            Code::CaseTestsNothing,
            &tree,
            "/exchanges",
            "this case tests nothing",
            "no request is made",
        ));
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.labels[0].span.start);
    capped(diagnostics)
}

fn settings(case: &Case, plan: &Plan, tree: &Tree) -> Vec<Diagnostic> {
    let names: Vec<&str> = plan.settings.iter().flat_map(|spec| spec.names()).collect();
    let unknown = case.settings.keys().filter(|name| !names.contains(&name.as_str())).map(|name| {
        let near = yaml::nearest(name, names.iter().copied());
        let label = near.map_or_else(|| "not declared".into(), |near| format!("did you mean `{near}`?"));
        let message = format!("{} has no setting `{name}`", plan.id);
        let span = tree.key_span(&format!("/settings/{name}"));
        let found = Diagnostic::error(Code::CaseSetting, message, tree.source(), span.clone(), label);
        near.map_or(found.clone(), |near| found.fix(span, near))
    });
    let is_missing = |spec: &&SettingSpec| {
        spec.required && spec.default.is_none() && !spec.names().any(|name| case.settings.contains_key(name))
    };
    let missing = plan.settings.iter().filter(is_missing).map(|spec| {
        let message = format!("the case gives no setting `{}`", spec.name);
        let place = if tree.has("/settings") { "/settings" } else { "/observable" };
        error(Code::CaseSettingMissing, tree, place, &message, format!("{} requires it", plan.id))
    });
    unknown.chain(missing).collect()
}

fn now(file: &CaseFile, tree: &Tree, diagnostics: &mut Vec<Diagnostic>) -> Option<Timestamp> {
    let now = time_text(&file.now);
    if now.is_none() {
        diagnostics.push(error(
            Code::WrongForm,
            tree,
            "/now",
            "this is no instant",
            "write it like `2024-03-01T00:00:00Z`",
        ));
    }
    now
}

fn observable(file: &CaseFile, tree: &Tree, diagnostics: &mut Vec<Diagnostic>) -> Option<Observable> {
    let parsed = Observable::parse(file.observable.kind, &file.observable.value);
    parsed
        .map_err(|reason| {
            diagnostics.push(error(Code::CaseObservable, tree, "/observable/value", &reason.to_string(), "given here"))
        })
        .ok()
}

/// A path of the provider's own; or the whole URL of a server that gives tokens.
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
        let label = "write it like `GET /path?name=value`";
        diagnostics.push(error(Code::CaseRequest, tree, &format!("{at}/request"), "this is no request", label));
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
                    "there is no such file",
                    reason,
                ));
                return None;
            }
        },
        (None, None, None) => vec![],
        _ => {
            let label = "one of `json`, `text` and `file`";
            diagnostics.push(error(Code::CaseReply, tree, &format!("{at}/reply"), "a reply has one body", label));
            return None;
        }
    };
    let headers = reply.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    let fault = reply.fault.map(FaultWord::fault);
    let response = Response { status: reply.status, headers, body, cut: None };
    Some(Exchange::new(method, target, response, fault))
}

fn error(code: Code, tree: &Tree, pointer: &str, message: &str, label: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message, tree.source(), tree.span(pointer), label)
}
