//! Compiles the parts of a profile, each for itself, and joins them to a plan.

use super::answers::{self, AnswerPlan};
use super::compiled::{Plan, RelationshipPlan, TlpPlan, WindowPlan};
use super::compiler::{Compiler, ValueOrSetting};
use super::declared_settings::settings;
use super::http::{self, HttpPlan};
use super::lookups::{self, LookupPlan};
use super::quota::{self, QuotaPlan};
use super::records::{self, RecordPlan};
use super::rules::{self, AlsoRelatePlan, RulePlan, RulesPlan};
use super::setting::SettingSpec;
use super::time;
use crate::diagnostic::{Source, Span};
use crate::profile::{DurationText, Profile, RelationshipBlock, RepeatsWord, SettingType};
use crate::stix::{Pap, Policy, Repeats, Tlp};
use jiff::SignedDuration;
use std::sync::Arc;

/// Compiled parts of a plan. A part with a mistake is `None`; the others are still validated together, so that all
/// mistakes are reported at once.
pub(super) struct Parts {
    pub(super) settings: Vec<SettingSpec>,
    pub(super) http: Option<HttpPlan>,
    pub(super) quota: Option<QuotaPlan>,
    pub(super) answers: Vec<Option<AnswerPlan>>,
    pub(super) window: Option<Option<WindowPlan>>,
    pub(super) lookups: Vec<Option<LookupPlan>>,
    pub(super) record: Option<RecordPlan>,
    pub(super) rules: Vec<Option<RulePlan>>,
    pub(super) also_relate: Vec<Option<AlsoRelatePlan>>,
    pub(super) relationship: Option<RelationshipPlan>,
    pub(super) tlp: Option<TlpPlan>,
    pub(super) pap_max: Option<ValueOrSetting<Pap>>,
}

impl Parts {
    pub(super) fn compile(compiler: &mut Compiler, profile: &Profile) -> Parts {
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

    pub(super) fn plan(self, profile: Profile, source: &Arc<Source>, id_span: Span) -> Option<Plan> {
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
