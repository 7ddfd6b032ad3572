//! Round trip through the Common Output Format: mapped by the profile `cof`, the written records give the same
//! relationships.
//!
//! The format contains only the record. Not compared are therefore: relationship types of a profile's own rules (only
//! the ends are), extra relationships, markings by the provider, names and addresses that only one of both
//! profiles drops, fractions of seconds, and the first second of 1970, which means no time.

use super::ensure::ensure;
use super::take::Take;
use crate::{catalog, output_format};
use jiff::Timestamp;
use std::sync::LazyLock;
use stixmap_engine::plan::{Plan, SettingSpec, Settings};
use stixmap_engine::profile::SettingType;
use stixmap_engine::run::{Input, Record, RecordResult, Report, Traced, TracedRelationship, map_stored};
use stixmap_engine::stix::{Observable, Seen};

static READER: LazyLock<Plan> = LazyLock::new(|| {
    let plan = catalog::find("cof", None).and_then(|folder| folder.plan());
    plan.ok().flatten().expect("the profile of the format is built in, and compiles")
});

/// Checks that the written records are read back as the same records.
pub(super) fn read_back(take: &Take) -> Result<(), String> {
    let Ok(one) = take.played else { return Ok(()) };
    let mut text = vec![];
    output_format::cof(std::slice::from_ref(&one.report), &mut text).map_err(|error| error.to_string())?;
    let other = mapped(take, one.setting.observable.clone(), text);
    let written: Vec<&Traced> = one.report.trace.iter().filter(|traced| traced.record.is_some()).collect();
    let (lines, read) = (written.len(), other.trace.len());
    ensure(lines == read, || format!("{lines} records written, {read} read back"))?;
    written.into_iter().zip(&other.trace).try_for_each(|(one, other)| same(take.stage.plan, one, other))
}

fn mapped(take: &Take, observable: Observable, text: Vec<u8>) -> Report {
    let now = take.stage.now;
    let settings = Settings::read(&READER.settings, given).expect("settings are given by their types");
    let input = Input { observable, markings: vec![], settings, deadline: now, seed: 0, trace: true };
    map_stored(&READER, &READER.lookups[0], None, input, vec![("what was found".into(), [text])], now)
}

fn given(spec: &SettingSpec) -> Option<String> {
    match spec.kind {
        SettingType::Url => Some("https://given.example.net".into()),
        SettingType::Tlp => Some("TLP:CLEAR".into()),
        SettingType::Pap => Some("PAP:CLEAR".into()),
        _ => None,
    }
}

fn same(plan: &Plan, one: &Traced, other: &Traced) -> Result<(), String> {
    let (Some(record), RecordResult::Mapped) = (&one.record, &one.result) else { return Ok(()) };
    let is_of_pack = |rule: usize| plan.rules.rules[rule].pack.is_some();
    match &other.result {
        RecordResult::Mapped => {}
        // The profile `cof` drops other names and special-purpose addresses.
        RecordResult::Dropped(_, None) if plan.record.other_names != READER.record.other_names => return Ok(()),
        RecordResult::Dropped(_, None) if plan.record.drop_addresses != READER.record.drop_addresses => return Ok(()),
        RecordResult::Dropped(_, Some(_)) if !one.links.iter().any(|link| is_of_pack(link.rule)) => return Ok(()),
        result => return Err(format!("{record:?} was mapped, but read back as {result:?}")),
    }
    let is_there = |link: &&TracedRelationship| {
        let says_so = |read: &TracedRelationship| !is_of_pack(link.rule) || read.relationship == link.relationship;
        other.links.iter().any(|read| read.source == link.source && read.target == link.target && says_so(read))
    };
    let lost = one.links.iter().find(|link| !is_there(link));
    ensure(lost.is_none(), || format!("{lost:?} is read back as {:?}", other.links))?;
    let are_all_of_pack = (0..plan.rules.rules.len()).all(is_of_pack);
    let is_more = are_all_of_pack && other.links.len() > one.links.len();
    ensure(!is_more, || format!("{:?} is read back as {:?}", one.links, other.links))?;
    let seen = in_seconds(record);
    ensure(other.links.iter().all(|link| link.seen == seen), || format!("{seen:?} differs when read back"))
}

/// Returns the times of a record with the precision of the format.
fn in_seconds(record: &Record) -> Seen {
    let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).ok().filter(|time| time.as_second() > 0);
    Seen { first: record.seen.first.and_then(whole), last: record.seen.last.and_then(whole) }
}
