//! A case under construction: which requests its responses cause, what it yields, and its files.

use super::case_path::CasePath;
use super::identity::Identity;
use crate::case_file::{CaseText, ExchangeText, ObservableText, ReplyText};
use crate::cli::MarkingArgs;
use crate::driver::Received;
use anyhow::bail;
use std::collections::BTreeMap;
use std::sync::Arc;
use stixmap_engine::case::{Case, Exchange, Played, input, play};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::{Fault, ProviderState, Response, Run, Step};

/// Maximum size of a body within the case in octets; longer ones are written to files.
const LONGEST_INSIDE: usize = 600;

/// A case under construction: its requests follow from its responses.
pub(super) struct Recording<'r> {
    pub(super) plan: &'r Plan,
    pub(super) case: Case,
    pub(super) marking: &'r MarkingArgs,
    pub(super) answers: Vec<Received>,
}

impl Recording<'_> {
    /// Returns the method and target of each request that these responses cause.
    pub(super) fn asked(&self, answers: &[Received]) -> anyhow::Result<Vec<String>> {
        let input = input(self.plan, &self.case).map_err(|_| anyhow::anyhow!("missing setting in the case"))?;
        let base = self.plan.base_url(&input.settings).as_str().trim_end_matches('/').to_owned();
        let mut run = Run::new(self.plan, Arc::new(ProviderState::default()), input, self.case.now);
        let (mut now, mut asked, mut answers) = (self.case.now, vec![], answers.iter());
        loop {
            match run.next(now) {
                Step::Done => return Ok(asked),
                Step::Wait(until) => now = until,
                Step::Send(request) => {
                    let Some(answer) = answers.next() else { return Ok(asked) };
                    asked.push(format!("{} {}", request.method, request.redacted_target(&base)));
                    run.accept(answer.clone(), now);
                }
            }
        }
    }

    /// Plays these exchanges.
    pub(super) fn played(&self, asked: &[String], answers: &[Received]) -> anyhow::Result<Played> {
        let exchange = |(asked, answer): (&String, &Received)| {
            let (method, target) = asked.split_once(' ').expect("a method and a target");
            match answer {
                Ok(response) => Exchange::new(method, target, response.clone(), None),
                Err(fault) => Exchange::new(method, target, Response::default(), Some(fault.clone())),
            }
        };
        let case = Case { exchanges: asked.iter().zip(answers).map(exchange).collect(), ..self.case.clone() };
        play(self.plan, &case).map_err(|_| anyhow::anyhow!("missing setting in the case"))
    }

    /// Returns the files of the case, after verifying that they reproduce the result.
    pub(super) fn files(&self, path: &CasePath, identity: &Identity) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let asked = self.asked(&self.answers)?;
        if asked.len() < self.answers.len() {
            bail!("nothing written: the requests cannot be reproduced");
        }
        let mut files = vec![];
        let exchanges = asked.iter().zip(&self.answers).enumerate();
        let exchanges: Vec<ExchangeText> = exchanges
            .map(|(number, (request, answer))| {
                Ok(ExchangeText { request, reply: reply(path, number, answer, &mut files)? })
            })
            .collect::<anyhow::Result<_>>()?;
        let (now, observable) = (self.case.now.to_string(), &self.case.observable);
        let settings: BTreeMap<&str, &str> =
            self.case.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let [tlp, pap] =
            [&self.marking.tlp, &self.marking.pap].map(|levels| levels.iter().map(String::as_str).collect());
        let observable = ObservableText { kind: observable.kind().stix_type(), value: observable.value(), tlp, pap };
        let text = CaseText { about: self.case.about.clone(), now, observable, settings, exchanges }.text()?;
        let load = |name: &str| {
            let file = files.iter().find(|(known, _)| known == name);
            file.map(|(_, bytes)| bytes.clone()).ok_or_else(|| "file not found".to_owned())
        };
        let read = Case::read(&Source::new("case.yaml", text.as_str()), load);
        let case =
            read.map_err(|diagnostics| anyhow::anyhow!("failed to write the responses as a case: {diagnostics:?}"))?;
        let expected = self.played(&asked, &self.answers)?;
        let played = play(self.plan, &case).map_err(|_| anyhow::anyhow!("missing setting in the case"))?;
        if played.transcript != expected.transcript || !played.is_as_expected {
            bail!("nothing written: the case would not reproduce the result");
        }
        files.insert(0, (format!("{}.expected", path.case), played.transcript.into_bytes()));
        files.insert(0, (format!("{}.yaml", path.case), text.into_bytes()));
        identity.refuse_in(&files)?;
        Ok(files)
    }
}

fn reply<'a>(
    path: &CasePath,
    number: usize,
    answer: &'a Received,
    files: &mut Vec<(String, Vec<u8>)>,
) -> anyhow::Result<ReplyText<'a>> {
    let response = match answer {
        Ok(response) if response.cut.is_some() => bail!("nothing written: a response was truncated; try again"),
        Ok(response) => response,
        Err(fault) => return Ok(ReplyText::whole(200, &[], b"").broken(Some(fault_name(fault)?))),
    };
    let Response { status, headers, body, .. } = response;
    if body.len() <= LONGEST_INSIDE {
        return Ok(ReplyText::whole(*status, headers, body));
    }
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let name = path.free(&format!("{}-{}", path.case, number + 1), if is_json { "json" } else { "txt" });
    files.push((name.clone(), body.clone()));
    Ok(ReplyText::beside(*status, headers, name))
}

fn fault_name(fault: &Fault) -> anyhow::Result<&'static str> {
    match fault {
        Fault::Connect(_) => Ok("connect"),
        Fault::Untrusted(reason) => bail!("nothing written: the provider's certificate is not trusted: {reason}"),
        Fault::Unsendable(reason) => bail!("nothing written: failed to send the request: {reason}"),
        Fault::Timeout => Ok("timeout"),
        Fault::Reset => Ok("reset"),
        Fault::TooLarge(_) => bail!("nothing written: a response exceeds the maximum size of the profile"),
    }
}
