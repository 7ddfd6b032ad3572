//! Evaluates TLP, PAP and special-use restrictions before the first request, and determines the marking of results.
//!
//! Fails closed: an unreadable marking is above every maximum.

use super::Input;
use super::host::special_use_of;
use crate::dns::{NOT_PUBLIC, Scope};
use crate::plan::{ASK_RESERVED, PRIVATE_ADDRESSES, Plan, SettingValue, Settings, ValueOrSetting};
use crate::profile::Unmarked;
use crate::stix::{Marking, Pap, Tlp};
use std::borrow::Cow;

/// Returns why an observable must not be sent to a provider; `None` if it may be.
pub(super) fn refusal(plan: &Plan, input: &Input) -> Option<String> {
    let unreadable = input.markings.iter().find_map(|marking| match marking {
        Marking::Unreadable(what) => Some(what),
        Marking::Tlp(_) | Marking::Pap(_) => None,
    });
    if let Some(what) = unreadable {
        return Some(format!("unreadable marking: {what}"));
    }
    let max = pap_level(&plan.pap_max, &input.settings);
    if let Some(pap) = asked_pap(&input.markings).filter(|pap| *pap > max) {
        return Some(format!("the observable is {pap}; {} accepts {max} at most", plan.name));
    }
    let max = level(&plan.tlp.max, &input.settings);
    match asked_tlp(&input.markings) {
        None if plan.tlp.unmarked == Unmarked::Refuse => {
            Some(format!("{} requires observables with a TLP marking", plan.name))
        }
        Some(tlp) if tlp > max => Some(format!("the observable is {tlp}; {} accepts {max} at most", plan.name)),
        _ => special_use_refusal(input),
    }
}

/// Returns why no provider has data on a special-use observable, unless the operator permits it.
fn special_use_refusal(input: &Input) -> Option<String> {
    if matches!(input.settings.value(ASK_RESERVED), Some(SettingValue::Boolean(true))) {
        return None;
    }
    let reason = special_use_of(&input.observable)?;
    Some(format!("{reason}; set `{ASK_RESERVED}` to query it anyway"))
}

/// Returns the scopes of addresses that are dropped from results. The operator decides about the non-public ones, and
/// the profile about the others.
pub(super) fn dropped<'p>(plan: &'p Plan, settings: &Settings) -> Cow<'p, [Scope]> {
    let all = &plan.record.drop_addresses;
    match settings.value(PRIVATE_ADDRESSES) {
        Some(SettingValue::Text(text)) if text == "keep" => {
            all.iter().copied().filter(|scope| !NOT_PUBLIC.contains(scope)).collect()
        }
        _ => all.into(),
    }
}

/// Returns the highest TLP level among markings.
pub(super) fn asked_tlp(markings: &[Marking]) -> Option<Tlp> {
    let levels = markings.iter().filter_map(|marking| match marking {
        Marking::Tlp(tlp) => Some(*tlp),
        Marking::Pap(_) | Marking::Unreadable(_) => None,
    });
    levels.max()
}

fn asked_pap(markings: &[Marking]) -> Option<Pap> {
    let levels = markings.iter().filter_map(|marking| match marking {
        Marking::Pap(pap) => Some(*pap),
        Marking::Tlp(_) | Marking::Unreadable(_) => None,
    });
    levels.max()
}

/// Returns the marking of results: at least that of the observable and the profile's minimum.
pub(super) fn result_tlp(plan: &Plan, input: &Input) -> Tlp {
    let floor = level(&plan.tlp.at_least, &input.settings);
    asked_tlp(&input.markings).map_or(floor, |tlp| tlp.max(floor))
}

/// Markings that apply to the records of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Levels {
    /// Minimum level of every result.
    floor: Tlp,
    /// Level of a record without a marking of its own.
    unmarked: Tlp,
}

impl Levels {
    /// Returns the level of a record: its own or the default, and at least the minimum.
    pub(super) fn of(self, record: Option<Tlp>) -> Tlp {
        record.unwrap_or(self.unmarked).max(self.floor)
    }
}

pub(super) fn levels(plan: &Plan, input: &Input) -> Levels {
    let floor = result_tlp(plan, input);
    let unmarked = plan.tlp.unmarked_records.as_ref().map_or(floor, |value| level(value, &input.settings));
    Levels { floor, unmarked }
}

fn level(value: &ValueOrSetting<Tlp>, settings: &Settings) -> Tlp {
    match value {
        ValueOrSetting::Value(tlp) => *tlp,
        ValueOrSetting::Setting(name) => match settings.value(name) {
            Some(SettingValue::Tlp(tlp)) => *tlp,
            _ => unreachable!("a level's setting is of type tlp and has a value"),
        },
    }
}

fn pap_level(value: &ValueOrSetting<Pap>, settings: &Settings) -> Pap {
    match value {
        ValueOrSetting::Value(pap) => *pap,
        ValueOrSetting::Setting(name) => match settings.value(name) {
            Some(SettingValue::Pap(pap)) => *pap,
            _ => unreachable!("a level's setting is of type pap and has a value"),
        },
    }
}
