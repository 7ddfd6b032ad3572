//! Plays a scenario like a case: with a clock that only waits advance, and without a network.

use super::mock_provider::{MockProvider, TOKEN};
use super::pool::{NAMES, ValuePool};
use super::reply::Reply;
use super::scenario::Scenario;
use crate::case_file::{CaseText, ExchangeText, ObservableText, ReplyText};
use jiff::{SignedDuration, Timestamp};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use stixmap_engine::plan::{Plan, SettingSpec, Settings, after};
use stixmap_engine::profile::SettingType;
use stixmap_engine::run::{Input, ProviderState, Report, Run, Step};
use stixmap_engine::stix::{Marking, Observable, ObservableType, Tlp};

/// The time of every scenario.
pub(super) const NOW: &str = "2024-03-01T00:00:00Z";

/// The deadline of a run, as for cases.
const DEADLINE: SignedDuration = SignedDuration::from_mins(10);

/// Maximum number of steps; a run with more does not terminate.
const MOST_STEPS: usize = 200_000;

/// A profile to play scenarios with.
pub(super) struct Stage<'p> {
    pub(super) plan: &'p Plan,
    pub(super) pool: ValuePool,
    /// Secrets of the settings, and the issued token.
    pub(super) secrets: Vec<(String, String)>,
    pub(super) now: Timestamp,
    /// Modifies the result, as a defect of the engine would; used by tests.
    #[cfg(test)]
    pub(super) fault: Option<Fault>,
}

/// A seeded defect.
#[cfg(test)]
pub(super) type Fault = fn(Played) -> Played;

/// The settings and the observable of a scenario.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) observable: Observable,
    /// By their names in a case.
    pub(super) tlp: Vec<&'static str>,
    pub(super) given: Vec<(String, String)>,
}

/// The result of a scenario.
pub(super) struct Played {
    pub(super) setting: Setting,
    pub(super) settings: Settings,
    pub(super) report: Report,
    pub(super) exchanges: Vec<Exchange>,
    /// The number of pages returned.
    pub(super) pages: usize,
    /// The requests, redacted.
    pub(super) shown: String,
    /// The serialized bundle.
    pub(super) written: String,
    /// The bundle parsed from its serialization.
    pub(super) bundle: serde_json::Value,
}

/// A redacted request and its response.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exchange {
    pub(super) request: String,
    pub(super) reply: Reply,
}

/// A scenario in which the program panicked, up to that point.
pub(super) struct Panicked {
    pub(super) reason: String,
    setting: Setting,
    /// The response to the last request may have caused the panic.
    exchanges: Vec<Exchange>,
}

impl Played {
    /// Returns the run as a case, which reproduces it without the generator.
    pub(super) fn case(&self, about: &str) -> CaseText<'_> {
        case(&self.setting, &self.exchanges, about)
    }
}

impl Panicked {
    /// Returns the exchanges before the panic as a case.
    pub(super) fn case(&self, about: &str) -> CaseText<'_> {
        case(&self.setting, &self.exchanges, about)
    }
}

fn case<'c>(setting: &'c Setting, exchanges: &'c [Exchange], about: &str) -> CaseText<'c> {
    let Setting { observable, tlp, given } = setting;
    CaseText {
        about: about.to_owned(),
        now: NOW.to_owned(),
        observable: ObservableText {
            kind: observable.kind().stix_type(),
            value: observable.value(),
            tlp: tlp.clone(),
            pap: vec![],
        },
        settings: given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        exchanges: exchanges.iter().map(Exchange::text).collect(),
    }
}

impl Exchange {
    fn text(&self) -> ExchangeText<'_> {
        let Reply { status, headers, body, fault } = &self.reply;
        let reply = ReplyText::whole(*status, headers, body).broken(*fault);
        ExchangeText { request: &self.request, reply }
    }
}

impl<'p> Stage<'p> {
    pub(super) fn new(plan: &'p Plan) -> Stage<'p> {
        let now = NOW.parse().expect("an instant written here");
        let of_settings = plan
            .settings
            .iter()
            .filter(|spec| spec.kind == SettingType::Secret)
            .map(|spec| (spec.name.clone(), format!("s3cr3t+{}=Zq9", spec.name.replace('_', "~"))));
        let token = plan.token().map(|_| ("token".to_owned(), TOKEN.to_owned()));
        let secrets: Vec<(String, String)> = of_settings.chain(token).collect();
        let pool = ValuePool::new(plan, &secrets, now);
        Stage {
            plan,
            pool,
            secrets,
            now,
            #[cfg(test)]
            fault: None,
        }
    }

    /// Plays a scenario; fails with the exchanges before a panic.
    pub(super) fn play(&self, scene: &Scenario) -> Result<Played, Box<Panicked>> {
        let setting = self.setting(scene);
        // Kept outside the closure that may panic, so that they survive it.
        let mut exchanges = vec![];
        catch_unwind(AssertUnwindSafe(|| self.played(scene, &setting, &mut exchanges))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            Box::new(Panicked { reason: text.unwrap_or_default(), setting, exchanges })
        })
    }

    fn played(&self, scene: &Scenario, setting: &Setting, exchanges: &mut Vec<Exchange>) -> Played {
        let given = |spec: &SettingSpec| {
            setting.given.iter().find(|(name, _)| *name == spec.name).map(|(_, value)| value.clone())
        };
        let settings = Settings::read(&self.plan.settings, given).expect("settings are generated by type");
        let input = Input {
            observable: setting.observable.clone(),
            markings: setting.tlp.iter().map(|text| Marking::tlp(text)).collect(),
            settings: settings.clone(),
            deadline: after(self.now, DEADLINE),
            seed: 0,
            trace: true,
        };
        let base = self.plan.base_url(&settings).as_str().trim_end_matches('/').to_owned();
        let mut run = Run::new(self.plan, Arc::new(ProviderState::default()), input, self.now);
        let mut provider =
            MockProvider::new(self.plan, &self.pool, scene, setting.observable.value(), &settings, run.preview());
        let (mut now, mut shown) = (self.now, String::new());
        for step in 0.. {
            assert!(step < MOST_STEPS, "the run does not terminate");
            match run.next(now) {
                Step::Done => break,
                Step::Wait(until) => now = until,
                Step::Send(request) => {
                    let reply = provider.answer(&request);
                    shown.push_str(&format!("{} {} {request:?}\n", request.method, request.url));
                    let asked = format!("{} {}", request.method, request.redacted_target(&base));
                    let result = reply.result();
                    exchanges.push(Exchange { request: asked, reply });
                    run.accept(result, now);
                }
            }
        }
        let (report, pages) = (run.finish(), provider.pages());
        let written = serde_json::to_string(&report.bundle).expect("a bundle is JSON");
        let bundle = serde_json::from_str(&written).expect("it has just been written");
        let (setting, exchanges) = (setting.clone(), exchanges.clone());
        let played = Played { setting, settings, report, exchanges, pages, shown, written, bundle };
        #[cfg(test)]
        if let Some(fault) = self.fault {
            return fault(played);
        }
        played
    }

    fn setting(&self, scene: &Scenario) -> Setting {
        let asked: Vec<Observable> = self.plan.accepts().into_iter().flat_map(observables).collect();
        let observable = asked[usize::from(scene.asked) % asked.len()].clone();
        let tlp = match scene.marking {
            0 => vec![],
            level @ 1..=5 => vec![Tlp::ALL[usize::from(level) - 1].as_str()],
            6 => vec!["TLP:PURPLE"],
            _ => vec!["TLP:CLEAR", "TLP:GREEN"],
        };
        let mut levels = scene.levels.iter();
        let given = self.plan.settings.iter().filter_map(|spec| {
            let level = if spec.kind == SettingType::Tlp { levels.next().copied().unwrap_or(0) } else { 0 };
            Some((spec.name.clone(), self.given(spec, level)?))
        });
        Setting { given: given.collect(), observable, tlp }
    }

    /// Returns a value for required settings, secrets and TLP levels.
    fn given(&self, spec: &SettingSpec, level: u8) -> Option<String> {
        if let Some((_, secret)) = self.secrets.iter().find(|(name, _)| *name == spec.name) {
            return Some(secret.clone());
        }
        if let Some(level) = usize::from(level).checked_sub(1).filter(|_| spec.choices.is_empty()) {
            return Some(Tlp::ALL[level].as_str().to_owned());
        }
        if !spec.required || spec.default.is_some() {
            return None;
        }
        let value = match spec.kind {
            _ if !spec.choices.is_empty() => return spec.choices.first().cloned(),
            SettingType::Integer if spec.at_least.or(spec.at_most).is_some() => {
                return spec.at_least.or(spec.at_most).map(|bound| bound.to_string());
            }
            SettingType::Tlp => "TLP:GREEN",
            SettingType::Pap => "PAP:GREEN",
            SettingType::Duration => "P30D",
            SettingType::Integer => "7",
            SettingType::Boolean => "true",
            SettingType::Url => "https://given.example.net/api",
            SettingType::String | SettingType::Secret => "given",
        };
        Some(value.to_owned())
    }
}

/// Returns the number of settings of type `tlp`.
pub(super) fn levels(plan: &Plan) -> usize {
    plan.settings.iter().filter(|spec| spec.kind == SettingType::Tlp).count()
}

/// Returns observables of a type.
fn observables(kind: ObservableType) -> Vec<Observable> {
    let values: &[&str] = match kind {
        ObservableType::DomainName => &[NAMES[0], "bücher.example", "1.2.0.192.in-addr.arpa", "_dmarc.example.com"],
        ObservableType::Ipv4Addr => &["192.0.2.1", "198.51.100.7"],
        ObservableType::Ipv6Addr => &["2001:db8::1", "::ffff:192.0.2.1"],
        ObservableType::EmailAddr => &["hostmaster@example.com"],
        ObservableType::Hostname => &["www.example.com"],
        ObservableType::Url => &["https://www.example.com/?a=b"],
        ObservableType::Text => &["v=spf1 -all"],
        ObservableType::MacAddr => &["00:00:5e:00:53:01"],
        ObservableType::AutonomousSystem => &["64500"],
    };
    values.iter().filter_map(|value| Observable::parse(kind, value).ok()).collect()
}
