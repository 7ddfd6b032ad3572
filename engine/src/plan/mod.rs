//! Compiled profiles. The compiler resolves names, parses paths, templates and conditions, and validates rules. A
//! [`Plan`] that compiles can run; all mistakes of a profile are reported here, with their locations.

mod answers;
mod auth;
mod body;
mod comparison;
mod compiler;
mod consistency;
mod credentials;
mod cascade;
mod effect;
mod expression;
mod fields;
mod grammar;
mod http;
mod endpoints;
mod lookups;
mod fast_path;
mod pack;
mod paging;
mod path;
mod places;
mod quota;
mod records;
mod reserved;
mod rows;
mod rules;
mod setting;
mod template;
mod printable_texts;
mod time;
mod window;
mod window_text;
mod headers;
mod standard_fields;

pub use answers::{AnswerPlan, BodyTestPlan, ResponseLocation};
pub use auth::{AuthPlan, BasicPlan, SignaturePlan, TokenBody, TokenCarrier, TokenEndpoint, TokenPlan};
pub use body::BodyPlan;
pub use compiler::ValueOrSetting;
pub use endpoints::{possible_sources, possible_targets, sources, targets};
pub use expression::{Condition, FILTERS, Filter, Prose, tests};
pub(crate) use fast_path::push_value;
pub use http::{BaseUrl, HttpPlan, RetryPlan};
pub use lookups::{JobPlan, LookupPlan, QueryPlan};
pub use pack::packs;
pub use paging::{CursorTarget, PagingPlan, Parameter};
pub use path::{Path, PathStep};
pub use quota::{ElementPlan, ProbeFigures, ProbePlan, QuotaPlan, RatePlan};
pub use records::{FieldPlan, Operand, OrientationPlan, RecordPlan, Source as FieldPlace};
pub use reserved::{is_credential, variable};
pub use rows::{ColumnsPlan, LevelPlan, RowTestPlan, RowsPlan, SignalPlan};
pub use rules::{AlsoRelatePlan, RulePlan, RuleThen, RulesPlan};
pub use setting::{
    ASK_RESERVED, BASE_URL, COMMON_SETTINGS, PRIVATE_ADDRESSES, SHORTEST_SECRET, Secret, SettingError, SettingSpec,
    SettingValue, Settings, TOKEN_URL,
};
pub use standard_fields::ROLES;
pub use template::{Local, Part, Template};
pub use time::{Datum, TimeFormat, after, before, exact, integer, time_text};
pub(crate) use window_text::Form;
pub use window_text::{Distance, WindowText};

use crate::diagnostic::{Code, Diagnostic, Severity, Source, Span, capped};
use crate::profile::{
    Auth, DurationText, Licence, Profile, RelationshipBlock, RepeatsWord, Setting, SettingType, Status, TimeField,
    Unmarked,
};
use crate::stix::{ObservableType, Pap, Policy, Repeats, Tlp};
use crate::yaml::{self, Size};
use compiler::Compiler;
use jiff::{SignedDuration, Span as TimeSpan};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use url::Url;

/// A compiled profile, ready to run.
#[derive(Debug)]
pub struct Plan {
    /// Source text, for the locations in diagnostics.
    pub source: Arc<Source>,
    /// Identifier of the profile, which is the name of its folder.
    pub id: String,
    /// Location of the identifier in the source.
    pub id_span: Span,
    /// Version of the profile, such as `1.0.0`.
    pub version: String,
    /// Display name of the provider.
    pub name: String,
    /// One sentence that describes the API.
    pub summary: String,
    /// How reliable the profile and the provider are.
    pub status: Status,
    /// URLs of the API documentation.
    pub links: Vec<String>,
    /// Summary of the provider's terms on sharing and use.
    pub terms: Option<String>,
    /// Whether access to the provider is free, if stated.
    pub licence: Option<Licence>,
    /// URL where an account can be obtained.
    pub subscription: Option<String>,
    /// Settings of the profile, and the common ones such as `api_base_url`.
    pub settings: Vec<SettingSpec>,
    /// Base URL, authentication, headers, limits and retries.
    pub http: HttpPlan,
    /// Request limits of the provider.
    pub quota: QuotaPlan,
    /// Meaning of responses; the first matching row applies.
    pub answers: Vec<AnswerPlan>,
    /// Time window of the records to return.
    pub window: Option<WindowPlan>,
    /// Lookups in the order of the file, in which they run.
    pub lookups: Vec<LookupPlan>,
    /// How rows are converted to records.
    pub record: RecordPlan,
    /// How records are converted to relationships.
    pub rules: RulesPlan,
    /// Additional relationships of mapped records.
    pub also_relate: Vec<AlsoRelatePlan>,
    /// Description, times and ids of relationships.
    pub relationship: RelationshipPlan,
    /// Permitted TLP levels, and the marking of results.
    pub tlp: TlpPlan,
    /// Highest PAP level that may be sent to the provider.
    pub pap_max: ValueOrSetting<Pap>,
    /// STIX identity of the author: name and `identity_class`.
    pub identity: (String, &'static str),
}

/// Time window of the records to return.
#[derive(Debug)]
pub struct WindowPlan {
    /// Length of the window, up to the start of the run.
    pub last: ValueOrSetting<TimeSpan>,
    /// Time field by which records before the window are dropped.
    pub filter: Option<TimeField>,
}

/// Description, times and ids of relationships.
#[derive(Debug)]
pub struct RelationshipPlan {
    /// Description of relationships whose rule has none.
    pub description: Option<Prose>,
    /// Field that becomes the `start_time`.
    pub start_time: Option<TimeField>,
    /// Field that becomes the `stop_time`.
    pub stop_time: Option<TimeField>,
    /// How records with the same relationship are merged.
    pub policy: Policy,
}

/// Permitted TLP levels, and the marking of results.
#[derive(Debug)]
pub struct TlpPlan {
    /// Highest TLP level of an observable that may be sent.
    pub max: ValueOrSetting<Tlp>,
    /// Whether an observable without a TLP marking may be sent.
    pub unmarked: Unmarked,
    /// Lowest TLP level of a result.
    pub at_least: ValueOrSetting<Tlp>,
    /// TLP level of records without a marking of their own.
    pub unmarked_records: Option<ValueOrSetting<Tlp>>,
}

impl Plan {
    /// Compiles a profile.
    ///
    /// # Errors
    ///
    /// Returns all diagnostics if at least one is an error. Warnings alone are ignored; [`Plan::check`] returns them.
    pub fn read(source: &Arc<Source>) -> Result<Plan, Vec<Diagnostic>> {
        match Self::check(source) {
            (Some(plan), _) => Ok(plan),
            (None, diagnostics) => Err(diagnostics),
        }
    }

    /// Compiles a profile and returns all errors and warnings, ordered by location. There is no plan if there is an
    /// error.
    pub fn check(source: &Arc<Source>) -> (Option<Plan>, Vec<Diagnostic>) {
        let (plan, diagnostics) = Self::compile(source);
        (plan, capped(diagnostics))
    }

    fn compile(source: &Arc<Source>) -> (Option<Plan>, Vec<Diagnostic>) {
        let read = yaml::read_lenient::<Profile>(source, Size::PROFILE, true);
        if let Some(found) = language(source).filter(|_| !read.diagnostics.is_empty()) {
            return (None, vec![found]);
        }
        let mut diagnostics = read.diagnostics;
        let Some((mut profile, tree)) = read.value else { return (None, diagnostics) };
        let unprintable = printable_texts::check(&tree);
        let mut compiler = Compiler::new(&tree);
        records::correct_field_names(&mut compiler, &mut profile.record);
        let parts = Parts::compile(&mut compiler, &profile);
        consistency::check(&mut compiler, &profile, &parts);
        let plan = parts.plan(profile, source, compiler.span("/id"));
        diagnostics.extend(unprintable);
        let found = compiler.diagnostics;
        let reported: HashSet<Span> = diagnostics.iter().map(|found| found.labels[0].span.clone()).collect();
        let is_reported = |found: &Diagnostic| reported.contains(&found.labels[0].span);
        let is_new = |found: &Diagnostic| !is_reported(found) && !cascade::is_cascading(found, &tree, &read.incomplete);
        diagnostics.extend(found.into_iter().filter(is_new));
        diagnostics.sort_by_key(|diagnostic| diagnostic.labels[0].span.start);
        let is_sound = diagnostics.iter().all(|diagnostic| diagnostic.severity == Severity::Warning);
        (plan.filter(|_| is_sound), diagnostics)
    }

    /// Returns the base URL of requests with the given settings.
    pub fn base_url(&self, settings: &Settings) -> Url {
        let given = settings.url(BASE_URL);
        match &self.http.base_url {
            BaseUrl::Literal(url) => given.unwrap_or(url).clone(),
            BaseUrl::Setting(name) => {
                given.or_else(|| settings.url(name)).expect("a base URL's setting always has a value").clone()
            }
        }
    }

    /// Returns the URL of the token endpoint with the given settings, if tokens come from another server.
    pub fn token_url(&self, settings: &Settings) -> Option<String> {
        let TokenEndpoint::Url(url) = &self.token()?.from else { return None };
        let part = |part: &Part| match part {
            Part::Setting(name) => settings.value(name).map(SettingValue::as_text).unwrap_or_default(),
            Part::Literal(text) => text.clone(),
            _ => String::new(),
        };
        Some(url.parts().iter().map(part).collect())
    }

    /// Returns the origins that receive credentials with the given settings.
    pub fn origins_with(&self, settings: &Settings) -> BTreeSet<String> {
        let token = self.token_url(settings).and_then(|url| Url::parse(&url).ok());
        let given = settings.url(TOKEN_URL).cloned().or(token);
        let urls = std::iter::once(self.base_url(settings)).chain(given);
        urls.map(|url| url.origin().ascii_serialization()).collect()
    }

    /// Returns the origins that may receive credentials according to the profile: that of the base URL, and that of the
    /// token endpoint. Empty if the base URL is a setting without a default, because the operator chooses the server.
    pub fn origins(&self) -> BTreeSet<String> {
        let base = match &self.http.base_url {
            BaseUrl::Literal(url) => vec![url.clone()],
            BaseUrl::Setting(name) => {
                let spec = self.settings.iter().find(|spec| spec.name == *name);
                let texts = spec.into_iter().flat_map(|spec| spec.default.iter().chain(&spec.choices));
                texts.filter_map(|text| Url::parse(text).ok()).collect()
            }
        };
        let token = self.token().and_then(|token| match &token.from {
            TokenEndpoint::Url(url) => url.parts().first(),
            TokenEndpoint::Path(_) => None,
        });
        let token = token.and_then(|part| match part {
            Part::Literal(start) => Url::parse(start).ok(),
            _ => None,
        });
        base.into_iter().chain(token).map(|url| url.origin().ascii_serialization()).collect()
    }

    /// Returns how the access token is obtained, if requests carry one.
    pub fn token(&self) -> Option<&TokenPlan> {
        self.http.auth.iter().find_map(|auth| match auth {
            AuthPlan::Token(token) => Some(token.as_ref()),
            _ => None,
        })
    }

    /// Returns the observable types that at least one lookup accepts, in the order of [`ObservableType::all`].
    pub fn accepts(&self) -> Vec<ObservableType> {
        ObservableType::all().filter(|kind| self.lookups.iter().any(|lookup| lookup.accepts.contains(kind))).collect()
    }
}

/// Reports an unknown language version. Other diagnostics of such a profile would be meaningless.
fn language(source: &Arc<Source>) -> Option<Diagnostic> {
    let tree = yaml::Tree::parse(source).ok()?;
    let language = tree.value().get("profile").and_then(serde_json::Value::as_str);
    let language = language.filter(|language| language.starts_with("stixmap/v") && *language != "stixmap/v1")?;
    let message = format!("unknown language version `{language}`");
    let found =
        Diagnostic::error(Code::LanguageVersion, message, source, tree.span("/profile"), "expected `stixmap/v1`");
    let note = "this program supports `stixmap/v1`; a newer one may support other versions (see `stixmap --version`)";
    Some(found.note(note))
}

/// Compiled parts of a plan. A part with a mistake is `None`; the others are still validated together, so that all
/// mistakes are reported at once.
struct Parts {
    settings: Vec<SettingSpec>,
    http: Option<HttpPlan>,
    quota: Option<QuotaPlan>,
    answers: Vec<Option<AnswerPlan>>,
    window: Option<Option<WindowPlan>>,
    lookups: Vec<Option<LookupPlan>>,
    record: Option<RecordPlan>,
    rules: Vec<Option<RulePlan>>,
    also_relate: Vec<Option<AlsoRelatePlan>>,
    relationship: Option<RelationshipPlan>,
    tlp: Option<TlpPlan>,
    pap_max: Option<ValueOrSetting<Pap>>,
}

impl Parts {
    fn compile(compiler: &mut Compiler, profile: &Profile) -> Parts {
        let settings = settings(compiler, profile);
        compiler.declare(&settings, profile.window.is_some());
        Parts {
            settings,
            http: http::http(compiler, &profile.http),
            quota: quota::quota(compiler, profile.quota.as_ref()),
            answers: answers::answers(compiler, &profile.answers),
            window: window(compiler, profile),
            lookups: lookups::lookups(compiler, profile),
            record: records::record(compiler, &profile.record),
            rules: rules::rules(compiler, profile),
            also_relate: rules::also_relate(compiler, profile),
            relationship: relationship(compiler, profile),
            tlp: tlp(compiler, profile),
            pap_max: pap_max(compiler, profile),
        }
    }

    fn plan(self, profile: Profile, source: &Arc<Source>, id_span: Span) -> Option<Plan> {
        Some(Plan {
            source: Arc::clone(source),
            id: profile.id,
            id_span,
            version: profile.version,
            name: profile.name,
            summary: profile.summary,
            status: profile.status,
            links: profile.links.into_iter().map(|link| link.0).collect(),
            terms: profile.terms,
            licence: profile.licence,
            subscription: profile.subscription.map(|link| link.0),
            settings: self.settings,
            http: self.http?,
            quota: self.quota?,
            answers: self.answers.into_iter().collect::<Option<_>>()?,
            window: self.window?,
            lookups: self.lookups.into_iter().collect::<Option<_>>()?,
            record: self.record?,
            rules: RulesPlan::new(self.rules.into_iter().collect::<Option<_>>()?),
            also_relate: self.also_relate.into_iter().collect::<Option<_>>()?,
            relationship: self.relationship?,
            tlp: self.tlp?,
            pap_max: self.pap_max?,
            identity: (profile.identity.name, profile.identity.class.as_str()),
        })
    }
}

fn settings(compiler: &mut Compiler, profile: &Profile) -> Vec<SettingSpec> {
    let mut specs: Vec<SettingSpec> =
        profile.settings.iter().map(|(name, setting)| setting_spec(compiler, name, setting, profile)).collect();
    let common = |name: &str, kind, description: &str| SettingSpec {
        name: name.into(),
        kind,
        description: description.into(),
        required: false,
        default: None,
        also: vec![],
        at_least: None,
        at_most: None,
        choices: vec![],
    };
    let url = |name: &str, description: &str| common(name, SettingType::Url, description);
    specs.push(SettingSpec {
        default: Some("drop".into()),
        choices: vec!["drop".into(), "keep".into()],
        ..common(
            PRIVATE_ADDRESSES,
            SettingType::String,
            "Whether to drop or keep records about private, loopback, link-local and other non-public addresses",
        )
    });
    specs.push(SettingSpec {
        default: Some("false".into()),
        ..common(
            ASK_RESERVED,
            SettingType::Boolean,
            "Whether to query the provider for non-public addresses and special-use names",
        )
    });
    specs.push(url(BASE_URL, "Base URL to use instead of the provider's, such as that of a proxy or test server"));
    if profile.http.auth.iter().any(|(_, auth)| matches!(auth, Auth::Oauth2 { .. })) {
        specs.push(url(
            TOKEN_URL,
            "Token endpoint to use instead of the provider's, such as that of a proxy or test server",
        ));
    }
    specs
}

fn setting_spec(compiler: &mut Compiler, name: &str, setting: &Setting, profile: &Profile) -> SettingSpec {
    // A page or response of 0 rows is useless.
    let least = paging::is_number_of(profile, name).then_some(1);
    let spec = SettingSpec {
        name: name.to_owned(),
        kind: setting.kind,
        description: setting.description.clone(),
        required: setting.required,
        default: setting.default.clone(),
        also: setting.also.clone(),
        at_least: setting.at_least.max(least),
        at_most: setting.at_most,
        choices: setting.choices.clone(),
    };
    let pointer = yaml::child("/settings", name);
    let others = setting.also.iter().enumerate().map(|(i, also)| (also.as_str(), format!("{pointer}/also/{i}")));
    for (word, pointer) in std::iter::once((name, pointer.clone())).chain(others) {
        let is_of_every_profile = |own: &&&str| word == **own || word.strip_suffix("_file") == Some(**own);
        if let Some(own) = COMMON_SETTINGS.iter().find(is_of_every_profile) {
            let message = format!("the setting `{own}` is reserved: every profile has it");
            compiler.error(Code::ReservedSetting, &pointer, message, "reserved name");
        }
    }
    for (i, choice) in setting.choices.iter().enumerate() {
        if spec.read(choice).is_err() {
            let message = format!("invalid choice: expected {}", spec.wanted());
            compiler.error(
                Code::SettingDefault,
                &format!("{pointer}/choices/{i}"),
                message,
                "not of the setting's type",
            );
        }
    }
    bounds(compiler, &spec, setting, &pointer);
    if let Some(default) = &setting.default
        && spec.read(default).is_err()
    {
        let (message, label) = match SettingValue::read(setting.kind, default) {
            Some(_) if setting.choices.is_empty() => {
                (format!("invalid default: expected {}", spec.wanted()), "out of bounds".to_owned())
            }
            Some(_) => (
                "the default is not one of the choices".to_owned(),
                format!("expected one of {}", setting.choices.join(", ")),
            ),
            None => {
                (format!("invalid default: expected {}", setting.kind.wanted()), "not of the setting's type".to_owned())
            }
        };
        compiler.error(Code::SettingDefault, &format!("{pointer}/default"), message, label);
    }
    spec
}

/// Validates `at_least` and `at_most`: they require type `integer` and must permit at least one number.
fn bounds(compiler: &mut Compiler, spec: &SettingSpec, setting: &Setting, pointer: &str) {
    let given = [("at_least", setting.at_least), ("at_most", setting.at_most)];
    for (key, _) in given.into_iter().filter(|(_, bound)| bound.is_some() && spec.kind != SettingType::Integer) {
        let label = "only for settings of type `integer`";
        compiler.error_at_key(Code::NoEffect, &format!("{pointer}/{key}"), format!("`{key}` has no effect"), label);
    }
    if let (Some(least), Some(most)) = (spec.at_least, spec.at_most)
        && least > most
    {
        let message = format!("`at_most` must be at least `at_least`: {most} is less than {least}");
        compiler.error(Code::OutOfRange, &format!("{pointer}/at_most"), message, "less than `at_least`");
    }
}

fn window(compiler: &mut Compiler, profile: &Profile) -> Option<Option<WindowPlan>> {
    let Some(window) = &profile.window else { return Some(None) };
    let last = compiler.value_or_setting(&window.last, "/window/last", SettingType::Duration, time::duration)?;
    Some(Some(WindowPlan { last, filter: window.filter }))
}

fn relationship(compiler: &mut Compiler, profile: &Profile) -> Option<RelationshipPlan> {
    let block = &profile.relationship;
    let description = match &block.description {
        Some(text) => Some(records::prose(compiler, &profile.record, text, "/relationship/description")?),
        None => None,
    };
    let gap = block.gap.clone().unwrap_or_else(|| DurationText(RelationshipBlock::GAP.to_owned()));
    let gap = compiler.duration(&gap, "/relationship/gap")?;
    let repeats = match block.repeats {
        // Without start times, periods cannot be distinguished.
        RepeatsWord::Gap if block.start_time.is_none() => Repeats::Gap(SignedDuration::MAX),
        RepeatsWord::Gap => Repeats::Gap(gap),
        RepeatsWord::Widen => Repeats::Widen,
        RepeatsWord::Separate => Repeats::Separate,
    };
    let start_in_id = block.repeats != RepeatsWord::Widen || !block.id_includes.is_empty();
    let policy = Policy { repeats, start_in_id };
    Some(RelationshipPlan { description, start_time: block.start_time, stop_time: block.stop_time, policy })
}

/// A lookup is a query to a third party, which PAP:RED forbids.
fn pap_max(compiler: &mut Compiler, profile: &Profile) -> Option<ValueOrSetting<Pap>> {
    let Some(block) = &profile.pap else { return Some(ValueOrSetting::Value(Pap::Amber)) };
    compiler.value_or_setting(&block.max, "/pap/max", SettingType::Pap, Pap::parse)
}

fn tlp(compiler: &mut Compiler, profile: &Profile) -> Option<TlpPlan> {
    let block = &profile.tlp;
    let max = compiler.value_or_setting(&block.max, "/tlp/max", SettingType::Tlp, Tlp::parse);
    let at_least =
        compiler.value_or_setting(&block.results.at_least, "/tlp/results/at_least", SettingType::Tlp, Tlp::parse);
    let unmarked_records = match &block.results.unmarked_records {
        Some(text) => {
            compiler.value_or_setting(text, "/tlp/results/unmarked_records", SettingType::Tlp, Tlp::parse).map(Some)
        }
        None => Some(None),
    };
    Some(TlpPlan { max: max?, unmarked: block.unmarked, at_least: at_least?, unmarked_records: unmarked_records? })
}
