//! The gate of TLP, PAP and special use: what may be sent at all, asked before the first request; and how high results are
//! marked.
//! Fails closed: a marking that cannot be read is above every maximum.

use super::Input;
use crate::dns::{Scope, special_use};
use crate::plan::{ASK_RESERVED, PRIVATE_ADDRESSES, Plan, SettingValue, Settings, ValueOrSetting};
use crate::profile::Unmarked;
use crate::stix::{Kind, Marking, Observable, Pap, Tlp};
use url::Url;

/// Why this observable may not be sent to this provider; `None` if it may.
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
        return Some(format!("the observable is {pap}; {} may be asked up to {max}", plan.name));
    }
    let max = level(&plan.tlp.max, &input.settings);
    match asked_tlp(&input.markings) {
        None if plan.tlp.unmarked == Unmarked::Refuse => {
            Some(format!("{} is only asked about observables with a TLP marking", plan.name))
        }
        Some(tlp) if tlp > max => Some(format!("the observable is {tlp}; {} may be asked up to {max}", plan.name)),
        _ => of_special_use(input),
    }
}

/// Why no provider knows anything of this observable, unless the operator wants it to be asked.
fn of_special_use(input: &Input) -> Option<String> {
    if matches!(input.settings.value(ASK_RESERVED), Some(SettingValue::Boolean(true))) {
        return None;
    }
    let reason = special_use(&host(&input.observable)?)?;
    Some(format!("{reason}; `{ASK_RESERVED}` asks all the same"))
}

/// The name or address of an observable.
fn host(observable: &Observable) -> Option<String> {
    let value = observable.value();
    match observable.kind() {
        Kind::DomainName | Kind::Hostname => Some(value.to_owned()),
        // Of a network, its first address.
        Kind::Ipv4Addr | Kind::Ipv6Addr => value.split('/').next().map(str::to_owned),
        Kind::EmailAddr => value.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
        Kind::Url => Some(Url::parse(value).ok()?.host_str()?.trim_matches(['[', ']']).to_owned()),
        _ => None,
    }
}

/// The scopes of addresses that are no results.
pub(super) fn dropped<'p>(plan: &'p Plan, settings: &Settings) -> &'p [Scope] {
    match settings.value(PRIVATE_ADDRESSES) {
        Some(SettingValue::Text(word)) if word == "keep" => &[],
        _ => &plan.record.drop_addresses,
    }
}

/// The highest level of the observable's markings.
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

/// How results are marked: never below the observable, nor below the profile's floor.
pub(super) fn result_tlp(plan: &Plan, input: &Input) -> Tlp {
    let floor = level(&plan.tlp.at_least, &input.settings);
    asked_tlp(&input.markings).map_or(floor, |tlp| tlp.max(floor))
}

/// How records of a run are marked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Levels {
    /// No result is below it.
    floor: Tlp,
    /// A record that says nothing of itself.
    unmarked: Tlp,
}

impl Levels {
    /// The level of a record: its own, or that of unmarked ones, and never below the floor.
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
            _ => unreachable!("a level's setting is of type tlp and always has a value"),
        },
    }
}

fn pap_level(value: &ValueOrSetting<Pap>, settings: &Settings) -> Pap {
    match value {
        ValueOrSetting::Value(pap) => *pap,
        ValueOrSetting::Setting(name) => match settings.value(name) {
            Some(SettingValue::Pap(pap)) => *pap,
            _ => unreachable!("a level's setting is of type pap and always has a value"),
        },
    }
}
