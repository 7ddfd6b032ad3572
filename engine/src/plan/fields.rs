//! Consistency of fields: unused fields, sides with impossible types, and provider values that have no meaning.

use super::compiler::Compiler;
use super::expression::names;
use crate::diagnostic::{Code, Severity};
use crate::dns::RrType;
use crate::profile::{
    AlsoRelate, Field, FieldSource, FieldType, LevelKind, Lookup, Profile, Records, Rule, Scalar, Side, Take,
};
use crate::stix::{ObservableType, Tlp};
use crate::yaml::child;
use std::collections::BTreeSet;

/// Fields that the engine uses.
const KNOWN: [&str; 6] = ["rrtype", "time_first", "time_last", "count", "bailiwick", "tlp"];

pub(super) fn check(compiler: &mut Compiler, profile: &Profile) {
    let read = read(profile);
    for (name, field) in &profile.record.fields {
        let at = child("/record/fields", name);
        if !KNOWN.contains(&name.as_str())
            && !read.contains(name)
            && !compiler.suggests(name)
            && !compiler.has_error_at_key(&at)
        {
            let message = format!("unused field `{name}`");
            let found = compiler.error_at_key(Code::FieldUnused, &at, message, "never used");
            found.severity = Severity::Warning;
        }
        aliases(compiler, field, &at);
        take(compiler, field, &at);
        request_values(compiler, profile, name, field);
        origin(compiler, profile, field, &at);
        if let Some(end) = &field.relative_to {
            side(compiler, profile, end, &format!("{at}/relative_to"), "the suffix of a name");
        }
    }
    for (i, row) in profile.record.orientation.iter().enumerate() {
        for (key, name, role) in [("rrname", &row.rrname, "an owner name"), ("rdata", &row.rdata, "data")] {
            side(compiler, profile, name, &format!("/record/orientation/{i}/{key}"), role);
        }
    }
    if profile.record.orientation.is_empty() {
        for (name, role) in [("rrname", "an owner name"), ("rdata", "data")] {
            side(compiler, profile, name, &format!("/record/fields/{name}/as"), role);
        }
    }
    profile.additional_relationships().for_each(|(at, row)| also_relate(compiler, profile, row, &at));
}

/// Returns the fields that orientation, conditions, descriptions and other fields use.
fn read(profile: &Profile) -> BTreeSet<String> {
    let record = &profile.record;
    let sides = record.orientation.iter().flat_map(|row| [row.rrname.clone(), row.rdata.clone()]);
    let ends = record.fields.values().filter_map(|field| field.relative_to.clone());
    let mut read: BTreeSet<String> = sides.chain(ends).collect();
    if record.orientation.is_empty() {
        read.extend(["rrname", "rdata"].map(str::to_owned));
    }
    read.extend(profile.additional_relationships().map(|(_, row)| row.field.clone()));
    let (mut conditions, mut texts) = (vec![], vec![&profile.relationship.description]);
    conditions.extend(record.orientation.iter().map(|row| &row.when));
    texts.extend(profile.additional_relationships().map(|(_, row)| &row.description));
    for rule in &profile.rules {
        match rule {
            Rule::Map(rule) => {
                conditions.push(&rule.when);
                texts.push(&rule.description);
            }
            Rule::Drop(rule) => conditions.push(&rule.when),
            Rule::Use(_) => {}
        }
    }
    read.extend(conditions.into_iter().flatten().flat_map(|text| names(text, true)));
    read.extend(texts.into_iter().flatten().flat_map(|text| names(text, false)));
    read
}

/// Reports a field that reads a key or `{each}` which no lookup has.
fn origin(compiler: &mut Compiler, profile: &Profile, field: &Field, at: &str) {
    let is_map = |lookup: &Lookup, up: usize| match &lookup.records {
        Some(Records::Levels(levels)) => levels.iter().rev().nth(up).is_some_and(|level| level.is == LevelKind::Map),
        _ => false,
    };
    let any = |has: &dyn Fn(&Lookup) -> bool| profile.lookups.values().any(has);
    let (is_there, label) = match field.from {
        FieldSource::Each => (any(&|lookup| !lookup.for_each.is_empty()), "no lookup has `for_each`"),
        FieldSource::Key => (any(&|lookup| is_map(lookup, 0)), "no lookup has a `map` of rows"),
        FieldSource::ParentKey => (any(&|lookup| is_map(lookup, 1)), "no lookup has a `map` one level above the rows"),
        FieldSource::GrandparentKey => {
            (any(&|lookup| is_map(lookup, 2)), "no lookup has a `map` two levels above the rows")
        }
        _ => return,
    };
    if !is_there {
        compiler.error(Code::FieldPlace, &format!("{at}/from"), "the field would never have a value", label);
    }
}

/// Reports `take` on a field that has only one time.
fn take(compiler: &mut Compiler, field: &Field, at: &str) {
    let pointer = format!("{at}/take");
    if field.take == Take::First {
        return;
    }
    if field.kind != FieldType::Timestamp {
        let label = format!("the field is {}", field.kind.wanted());
        compiler.error(Code::FieldType, &pointer, "`take` applies to timestamps only", label);
    } else if field.at.as_ref().is_none_or(|at| at.iter().count() < 2) {
        let label = "only one path";
        compiler.error(Code::FieldPlace, &pointer, "`take` requires several paths", label);
    }
}

/// Reports values of `for_each` or `keys` that a field reads as record type but that are not one: every record with
/// them would be a bad record.
fn request_values(compiler: &mut Compiler, profile: &Profile, name: &str, field: &Field) {
    if field.kind != FieldType::Rrtype {
        return;
    }
    let is_type = |word: &String| {
        let is_none = field.none_when.iter().any(|none| matches!(none, Scalar::Text(text) if text == word));
        is_none || RrType::parse(field.aliases.get(word).unwrap_or(word)).is_ok()
    };
    for (lookup, declared) in &profile.lookups {
        let at = child("/lookups", lookup);
        let Some((words, at)) = values_read(declared, field.from, &at) else { continue };
        for (i, word) in words.iter().enumerate().filter(|(_, word)| !is_type(word)) {
            let message = format!("unknown DNS record type `{word}`");
            let label = format!("read by the field `{name}` without an alias");
            compiler.error(Code::UnknownRrtype, &format!("{at}/{i}"), message, label);
        }
    }
}

/// Returns the values of a lookup that a field from this source can have, with their pointers.
fn values_read<'l>(lookup: &'l Lookup, from: FieldSource, at: &str) -> Option<(&'l [String], String)> {
    let up = match from {
        FieldSource::Each => return Some((&lookup.for_each, format!("{at}/for_each"))),
        FieldSource::Key => 0,
        FieldSource::ParentKey => 1,
        FieldSource::GrandparentKey => 2,
        _ => return None,
    };
    let Some(Records::Levels(levels)) = &lookup.records else { return None };
    let place = levels.len().checked_sub(up + 1)?;
    Some((&levels[place].keys, format!("{at}/records/{place}/keys")))
}

fn aliases(compiler: &mut Compiler, field: &Field, at: &str) {
    for (word, meaning) in &field.aliases {
        let pointer = child(&format!("{at}/aliases"), word);
        if !matches!(field.kind, FieldType::Rrtype | FieldType::String | FieldType::Tlp) {
            let label = format!("the field is {}", field.kind.wanted());
            compiler.error(
                Code::FieldType,
                &pointer,
                "`aliases` applies to record types, TLP levels and strings only",
                label,
            );
        } else if field.kind == FieldType::Tlp && Tlp::parse(meaning).is_none() {
            let message = format!("unknown TLP level `{meaning}`");
            compiler.error(Code::WrongForm, &pointer, message, "unknown level");
        } else if field.kind == FieldType::Rrtype && RrType::parse(meaning).is_err() {
            let message = format!("unknown DNS record type `{meaning}`");
            compiler.error(Code::UnknownRrtype, &pointer, message, "not in the IANA registry");
        }
    }
}

/// Reports a side of a record that is neither a name, nor an address, nor data.
fn side(compiler: &mut Compiler, profile: &Profile, name: &str, at: &str, role: &str) {
    let Some(field) = profile.record.fields.get(name) else { return };
    if !is_side(field.kind) {
        let message = format!("the field `{name}` cannot be {role}");
        let declared = compiler.span(&child("/record/fields", name));
        let found = compiler.error(Code::FieldType, at, message, format!("the field is {}", field.kind.wanted()));
        if !at.starts_with("/record/fields/") {
            *found = found.clone().also(declared, "declared here");
        }
    }
}

fn is_side(kind: FieldType) -> bool {
    use FieldType::{DnsName, Ip, Mailbox, Rdata, String};
    matches!(kind, DnsName | Ip | Mailbox | Rdata | String)
}

fn also_relate(compiler: &mut Compiler, profile: &Profile, row: &AlsoRelate, at: &str) {
    let Some(field) = profile.record.fields.get(&row.field) else { return };
    let is_number = field.kind == FieldType::Integer && row.target == ObservableType::AutonomousSystem;
    if !is_side(field.kind) && !is_number {
        let message = format!("the field `{}` is never {}", row.field, row.target);
        let label = format!("the field is {}", field.kind.wanted());
        compiler.error(Code::FieldType, &format!("{at}/field"), message, label);
    }
    let has_hostnames = profile.lookups.values().any(|lookup| lookup.accepts.contains(&ObservableType::Hostname));
    let is_owner =
        matches!(row.source, ObservableType::DomainName | ObservableType::Ipv4Addr | ObservableType::Ipv6Addr)
            || row.source == ObservableType::Hostname && has_hostnames;
    if row.of == Side::Rrname && !is_owner {
        let message = format!("the owner name of a record is never {}", row.source);
        let label = "it is a domain name, or the address of a reverse name";
        compiler.error(Code::RuleNeverMatches, &format!("{at}/source"), message, label);
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::{Code, Source};
    use crate::plan::Plan;

    /// Returns the values that are reported as unknown record types.
    fn unknown_rrtypes(lookup: &str, field: &str) -> Vec<String> {
        let text = format!(
            "profile: stixmap/v1\nid: example\nversion: 1.0.0\nname: Example\nsummary: An example.\n\
             http: {{ base_url: https://api.example.net }}\n\
             lookups:\n  names: {{ accepts: [domain-name], {lookup} }}\n\
             record:\n  fields:\n    rrname: {{ at: $.name, as: string }}\n    rdata: {{ at: $.data, as: rdata }}\n    \
             rrtype: {{ {field}, as: rrtype }}\n\
             rules:\n  - {{ rrtype: \"*\", drop: of no interest }}\n\
             tlp: {{ max: \"TLP:GREEN\", unmarked: allow, results: {{ at_least: \"TLP:GREEN\" }} }}\n\
             identity: {{ name: Example }}\n"
        );
        let (_, diagnostics) = Plan::check(&Source::new("profile.yaml", text));
        let of_types = diagnostics.iter().filter(|found| found.code == Code::UnknownRrtype);
        of_types.map(|found| found.message.trim_start_matches("unknown DNS record type ").replace('`', "")).collect()
    }

    #[test]
    fn unknown_rrtype_in_for_each_or_keys_is_reported() {
        let each = "for_each: [A, host, mail], path: \"/{observable.value}/{each}\", records: $.rows";
        assert_eq!(unknown_rrtypes(each, "from: each"), ["host", "mail"]);
        assert_eq!(unknown_rrtypes(each, "from: each, aliases: { mail: MX }"), ["host"]);
        assert_eq!(
            unknown_rrtypes(each, "from: each, aliases: { mail: MX }, none_when: [host], optional: true"),
            [""; 0]
        );
        assert_eq!(unknown_rrtypes(each, "at: $.type"), [""; 0], "nothing reads it as a type");
        let keys = "path: \"/{observable.value}\", records: [{ at: $, is: map, keys: [a, ips] }, { at: $ }]";
        assert_eq!(unknown_rrtypes(keys, "from: parent-key"), ["ips"]);
        assert_eq!(unknown_rrtypes(keys, "from: parent-key, aliases: { ips: AAAA }"), [""; 0]);
    }
}
