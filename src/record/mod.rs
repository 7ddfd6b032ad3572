//! `stixmap record`: queries the provider for one observable and writes the exchanges as a case. The case is played
//! before it is written: it must yield the same result, and must not contain secrets.

mod credentials;
mod identity;
mod scrub;

use crate::case_file::{CaseText, ExchangeText, ObservableText, ReplyText};
use crate::catalog::{self, Folder};
use crate::cli::{MarkingArgs, RecordArgs, Verbosity};
use crate::clock::Clock;
use crate::driver::{Driver, Tape};
use crate::enrich::{Answer, duration, exit, kind, markings, observable, summary};
use crate::exit::Exit;
use crate::files::Root;
use crate::setting::SettingSources;
use crate::trust::Trust;
use crate::{http, render, standard_streams};
use anyhow::{Context, bail};
use identity::Identity;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use stixmap_engine::case::{Case, Exchange, Played, input, play};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{Plan, after};
use stixmap_engine::printable;
use stixmap_engine::run::{Fault, Input, ProviderState, Response, Run, Step};

/// Maximum size of a body within the case in octets; longer ones are written to files.
const LONGEST_INSIDE: usize = 600;

pub(crate) fn run(args: &RecordArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let folder = catalog::find(&args.profile, args.catalog.profiles.as_deref())?;
    let Some(plan) = folder.plan()? else { return Ok(Exit::Failure) };
    let path = CasePath::new(args, &folder)?;
    let given = SettingSources::read(&args.settings)?;
    given.refuse_unknown(&[&plan], args.catalog.profiles.as_deref())?;
    let settings = given.settings(&Trust::read(&args.catalog)?.confirm(&folder, &plan, &[])?)?;
    given.warnings(&plan, &settings).iter().for_each(|warning| render::warning(warning));
    let mut identity = Identity::new(&plan, &settings);
    let observable = observable(&args.value, kind(args.kind.as_deref())?)?;
    // The clock of a case has a resolution of one second.
    let now = Timestamp::from_second(Timestamp::now().as_second()).context("the clock")?;
    let markings = markings(&args.marking)?;
    let deadline = after(now, duration(&args.deadline)?);
    let input =
        Input { observable: observable.clone(), markings: markings.clone(), settings, deadline, seed: 0, trace: false };
    let tape = Tape::default();
    let runtime = tokio::runtime::Runtime::new().context("failed to start the runtime")?;
    let report = runtime.block_on(async {
        let driver = Driver::new(http::client()?, verbosity == Verbosity::Verbose).recording_to(Arc::clone(&tape));
        anyhow::Ok(driver.drive(&plan, Arc::default(), input, Clock::real()).await)
    })?;
    let ended = exit(report.outcome.kind);
    identity.add_secrets(report.secrets.searchable());
    render::remark(&summary(&Answer { observable: observable.clone(), report }));
    let answers = std::mem::take(&mut *tape.lock().unwrap_or_else(PoisonError::into_inner));
    if answers.is_empty() {
        bail!("nothing written: no request was sent");
    }
    // A failed connection says nothing about the provider, and its message depends on the system.
    if answers.iter().any(|answer| matches!(answer, Err(Fault::Connect(_)))) {
        bail!("nothing written: failed to connect to the provider");
    }
    let about = args.about.clone().unwrap_or_else(|| format!("Results for {}", args.value));
    let case = Case { about, now, observable, markings, settings: identity.made_up(), exchanges: vec![] };
    let mut recording = Recording { plan: &plan, case, marking: &args.marking, answers: identity.redacted(answers)? };
    let (answers, read) = credentials::redacted(&recording)?;
    recording.answers = answers;
    for name in &read {
        render::warning(&format!("`{name}` may be a credential, but is kept because the profile reads it"));
    }
    if !args.whole {
        recording.answers = scrub::scrubbed(&recording)?;
    }
    let files = recording.files(&path, &identity)?;
    path.write(&files)?;
    let shown = |name: &String| path.folder.path().join(name).to_string_lossy().into_owned();
    let written: String = files.iter().map(|(name, _)| format!("{}\n", printable::line(&shown(name)))).collect();
    standard_streams::print(&written)?;
    if verbosity > Verbosity::Quiet {
        render::remark("next: review the case, since it contains the provider's results; then run `stixmap test`");
    }
    Ok(ended)
}

/// A response, or a fault of the connection.
type Received = Result<Response, Fault>;

/// A case under construction: its requests follow from its responses.
struct Recording<'r> {
    plan: &'r Plan,
    case: Case,
    marking: &'r MarkingArgs,
    answers: Vec<Received>,
}

impl Recording<'_> {
    /// Returns the method and target of each request that these responses cause.
    fn asked(&self, answers: &[Received]) -> anyhow::Result<Vec<String>> {
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
    fn played(&self, asked: &[String], answers: &[Received]) -> anyhow::Result<Played> {
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
    fn files(&self, path: &CasePath, identity: &Identity) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
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

/// The folder and name of the new case.
struct CasePath {
    folder: Root,
    case: String,
}

impl CasePath {
    fn new(args: &RecordArgs, folder: &Folder) -> anyhow::Result<CasePath> {
        let folder = match (&args.out, folder) {
            (Some(out), _) => Root::new(out),
            (None, Folder::OnDisk(folder) | Folder::Listed(folder)) => folder.below("cases"),
            (None, Folder::Embedded(name)) => bail!("{name} is built in: specify a folder with --out"),
        };
        let case = args.case.clone().unwrap_or_else(|| name(&args.value));
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if case.is_empty() || !case.bytes().all(is_name) {
            bail!("invalid case name `{case}`: expected lower-case words joined by `-`");
        }
        let path = CasePath { folder, case };
        for ending in ["yaml", "expected"] {
            let name = format!("{}.{ending}", path.case);
            if path.folder.claims(&name) {
                bail!("{} exists already; choose another name with --case", path.folder.path().join(name).display());
            }
        }
        Ok(path)
    }

    /// Returns a file name that is not in use.
    fn free(&self, name: &str, ending: &str) -> String {
        let others = (2..).map(|number| format!("{name}-{number}.{ending}"));
        let mut names = std::iter::once(format!("{name}.{ending}")).chain(others);
        names.find(|name| !self.folder.claims(name)).expect("the sequence of names is infinite")
    }

    fn write(&self, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
        let written = self.folder.make().and_then(|()| self.folder.create(files));
        written.with_context(|| format!("failed to write {}", self.folder.path().display()))
    }
}

/// Converts a value to the name of a case.
fn name(value: &str) -> String {
    let parts = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
