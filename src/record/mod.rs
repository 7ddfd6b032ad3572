//! `stixmap record`: asks the real service about one value, and writes what it answered as a case. What is written is played
//! before it is written: it shows what the service showed, and it holds no secret.

mod credentials;
mod identity;
mod scrub;

use crate::case_file::{CaseText, ExchangeText, ObservableText, ReplyText};
use crate::catalog::{self, Folder};
use crate::cli::{MarkingArgs, RecordArgs, Verbosity};
use crate::clock::Clock;
use crate::connector::other_sections;
use crate::driver::{Driver, Tape};
use crate::enrich::{Answer, duration, exit, kind, markings, observable, summary};
use crate::files::Root;
use crate::setting::SettingSources;
use crate::trust::Trust;
use crate::{Exit, http, output, render};
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

/// A body of more bytes than this stands in a file of its own.
const LONGEST_INSIDE: usize = 600;

pub(crate) fn run(args: &RecordArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let folder = catalog::find(&args.profile, args.shelf.profiles.as_deref())?;
    let Some(plan) = folder.plan()? else { return Ok(Exit::Told) };
    let place = CasePath::new(args, &folder)?;
    let given = SettingSources::read(&args.settings)?;
    given.refuse_unknown(&[&plan], &other_sections(&[&plan], args.shelf.profiles.as_deref())?)?;
    let settings = given.settings(&Trust::read(&args.shelf)?.confirm(&folder, &plan, &[])?)?;
    given.warnings(&plan, &settings).iter().for_each(|warning| render::warning(warning));
    let mut identity = Identity::new(&plan, &settings);
    let observable = observable(&args.value, kind(args.kind.as_deref())?)?;
    // A case's clock has no parts of a second.
    let now = Timestamp::from_second(Timestamp::now().as_second()).context("the clock")?;
    let markings = markings(&args.marking)?;
    let deadline = after(now, duration(&args.deadline)?);
    let input =
        Input { observable: observable.clone(), markings: markings.clone(), settings, deadline, seed: 0, trace: false };
    let tape = Tape::default();
    let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
    let report = runtime.block_on(async {
        let driver = Driver::new(http::client()?, verbosity == Verbosity::Verbose).on(Arc::clone(&tape));
        anyhow::Ok(driver.drive(&plan, Arc::default(), input, Clock::real()).await)
    })?;
    let ended = exit(report.outcome.kind);
    identity.also_hide(report.secrets.searchable());
    render::remark(&summary(&Answer { observable: observable.clone(), report }));
    let answers = std::mem::take(&mut *tape.lock().unwrap_or_else(PoisonError::into_inner));
    if answers.is_empty() {
        bail!("nothing is written: nothing was asked");
    }
    // Nothing of the provider is in it, and what the system says of it differs from one to the next.
    if answers.iter().any(|answer| matches!(answer, Err(Fault::Connect(_)))) {
        bail!("nothing is written: the provider was not reached");
    }
    let about = args.about.clone().unwrap_or_else(|| format!("What was found of {}", args.value));
    let case = Case { about, now, observable, markings, settings: identity.made_up(), exchanges: vec![] };
    let mut recording = Recording { plan: &plan, case, marking: &args.marking, answers: identity.hidden(answers)? };
    let (answers, read) = credentials::made_up(&recording)?;
    recording.answers = answers;
    for name in &read {
        render::warning(&format!("`{name}` may be a credential, and is kept: the profile reads it"));
    }
    if !args.whole {
        recording.answers = scrub::scrubbed(&recording)?;
    }
    let files = recording.files(&place, &identity)?;
    place.write(&files)?;
    let shown = |name: &String| place.folder.path().join(name).to_string_lossy().into_owned();
    let written: String = files.iter().map(|(name, _)| format!("{}\n", printable::line(&shown(name)))).collect();
    output::print(&written)?;
    if verbosity > Verbosity::Quiet {
        render::remark("next: read it, since it tells what the provider found; then `stixmap test`");
    }
    Ok(ended)
}

/// What a provider answers, or what goes wrong on the way.
type Received = Result<Response, Fault>;

/// A case that is being made: what is asked follows from its answers.
struct Recording<'r> {
    plan: &'r Plan,
    case: Case,
    marking: &'r MarkingArgs,
    answers: Vec<Received>,
}

impl Recording<'_> {
    /// What is asked when the answers are these: method and target of each request.
    fn asked(&self, answers: &[Received]) -> anyhow::Result<Vec<String>> {
        let input = input(self.plan, &self.case).map_err(|_| anyhow::anyhow!("a setting has no made-up value"))?;
        let base = self.plan.base_url(&input.settings).as_str().trim_end_matches('/').to_owned();
        let mut run = Run::new(self.plan, Arc::new(ProviderState::default()), input, self.case.now);
        let (mut now, mut asked, mut answers) = (self.case.now, vec![], answers.iter());
        loop {
            match run.next(now) {
                Step::Done => return Ok(asked),
                Step::Wait(until) => now = until,
                Step::Send(request) => {
                    let Some(answer) = answers.next() else { return Ok(asked) };
                    asked.push(format!("{} {}", request.method, request.shown_target(&base)));
                    run.accept(answer.clone(), now);
                }
            }
        }
    }

    /// What comes of these answers to these requests.
    fn played(&self, asked: &[String], answers: &[Received]) -> anyhow::Result<Played> {
        let exchange = |(asked, answer): (&String, &Received)| {
            let (method, target) = asked.split_once(' ').expect("a method and a target");
            match answer {
                Ok(response) => Exchange::new(method, target, response.clone(), None),
                Err(fault) => Exchange::new(method, target, Response::default(), Some(fault.clone())),
            }
        };
        let case = Case { exchanges: asked.iter().zip(answers).map(exchange).collect(), ..self.case.clone() };
        play(self.plan, &case).map_err(|_| anyhow::anyhow!("a setting has no made-up value"))
    }

    /// The files of the case; what is read from them shows what was recorded.
    fn files(&self, place: &CasePath, identity: &Identity) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let asked = self.asked(&self.answers)?;
        if asked.len() < self.answers.len() {
            bail!("nothing is written: what was asked cannot be asked again in the same way");
        }
        let mut files = vec![];
        let exchanges = asked.iter().zip(&self.answers).enumerate();
        let exchanges: Vec<ExchangeText> = exchanges
            .map(|(number, (request, answer))| {
                Ok(ExchangeText { request, reply: reply(place, number, answer, &mut files)? })
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
            file.map(|(_, bytes)| bytes.clone()).ok_or_else(|| "no such file".to_owned())
        };
        let read = Case::read(&Source::new("case.yaml", text.as_str()), load);
        let case = read.map_err(|mistakes| anyhow::anyhow!("the answers cannot be written as a case: {mistakes:?}"))?;
        let expected = self.played(&asked, &self.answers)?;
        let played = play(self.plan, &case).map_err(|_| anyhow::anyhow!("a setting has no made-up value"))?;
        if played.transcript != expected.transcript || !played.is_as_expected {
            bail!("nothing is written: the answers cannot be written so that they show the same");
        }
        files.insert(0, (format!("{}.expected", place.case), played.transcript.into_bytes()));
        files.insert(0, (format!("{}.yaml", place.case), text.into_bytes()));
        identity.refuse_in(&files)?;
        Ok(files)
    }
}

fn reply<'a>(
    place: &CasePath,
    number: usize,
    answer: &'a Received,
    files: &mut Vec<(String, Vec<u8>)>,
) -> anyhow::Result<ReplyText<'a>> {
    let response = match answer {
        Ok(response) if response.cut.is_some() => bail!("nothing is written: an answer broke off; ask again"),
        Ok(response) => response,
        Err(fault) => return Ok(ReplyText::whole(200, &[], b"").broken(Some(word(fault)?))),
    };
    let Response { status, headers, body, .. } = response;
    if body.len() <= LONGEST_INSIDE {
        return Ok(ReplyText::whole(*status, headers, body));
    }
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let name = place.free(&format!("{}-{}", place.case, number + 1), if is_json { "json" } else { "txt" });
    files.push((name.clone(), body.clone()));
    Ok(ReplyText::beside(*status, headers, name))
}

fn word(fault: &Fault) -> anyhow::Result<&'static str> {
    match fault {
        Fault::Connect(_) => Ok("connect"),
        Fault::Untrusted(reason) => bail!("nothing is written: the provider's certificate is not trusted: {reason}"),
        Fault::Unsendable(reason) => bail!("nothing is written: the request was not sent: {reason}"),
        Fault::Timeout => Ok("timeout"),
        Fault::Reset => Ok("reset"),
        Fault::TooLarge(_) => bail!("nothing is written: an answer is longer than the profile lets it be"),
    }
}

/// Where the case goes.
struct CasePath {
    folder: Root,
    case: String,
}

impl CasePath {
    fn new(args: &RecordArgs, folder: &Folder) -> anyhow::Result<CasePath> {
        let folder = match (&args.out, folder) {
            (Some(out), _) => Root::new(out),
            (None, Folder::OnDisk(folder) | Folder::Listed(folder)) => folder.below("cases"),
            (None, Folder::Embedded(name)) => bail!("{name} is built in: say with --out where the case goes"),
        };
        let case = args.case.clone().unwrap_or_else(|| name(&args.value));
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if case.is_empty() || !case.bytes().all(is_name) {
            bail!("a case cannot be called `{case}`: it takes lower-case words joined by `-`");
        }
        let place = CasePath { folder, case };
        for ending in ["yaml", "expected"] {
            let name = format!("{}.{ending}", place.case);
            if place.folder.claims(&name) {
                bail!(
                    "{} is there already, and nothing is written over: choose another name with --case",
                    place.folder.path().join(name).display()
                );
            }
        }
        Ok(place)
    }

    /// A name that no file has yet.
    fn free(&self, name: &str, ending: &str) -> String {
        let others = (2..).map(|number| format!("{name}-{number}.{ending}"));
        let mut names = std::iter::once(format!("{name}.{ending}")).chain(others);
        names.find(|name| !self.folder.claims(name)).expect("names do not end")
    }

    fn write(&self, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
        let written = self.folder.make().and_then(|()| self.folder.create(files));
        written.with_context(|| format!("{} cannot be written", self.folder.path().display()))
    }
}

/// A value as the name of a case.
fn name(value: &str) -> String {
    let words = value.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
