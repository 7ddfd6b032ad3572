//! What is said of fields beside each by itself: fields that nothing reads, sides that a type cannot be, words of a provider's
//! own for what has none.

use super::compiler::Compiler;
use super::expression::names;
use crate::diagnostic::{Code, Severity};
use crate::dns::RrType;
use crate::profile::{Besides, Field, FieldSource, FieldType, LevelKind, Lookup, Profile, Records, Rule, Side, Take};
use crate::stix::{Kind, Tlp};
use crate::yaml::child;
use std::collections::BTreeSet;

/// Fields that the engine itself reads.
const KNOWN: [&str; 6] = ["rrtype", "time_first", "time_last", "count", "bailiwick", "tlp"];

pub(super) fn check(compiler: &mut Compiler, profile: &Profile) {
    let read = read(profile);
    for (name, field) in &profile.record.fields {
        let at = child("/record/fields", name);
        if !KNOWN.contains(&name.as_str())
            && !read.contains(name)
            && !compiler.suggests(name)
            && !compiler.has_told(&at)
        {
            let message = format!("nothing reads the field `{name}`");
            let found = compiler.error_at_key(Code::FieldUnused, &at, message, "read from every row for nothing");
            found.severity = Severity::Warning;
        }
        aliases(compiler, field, &at);
        take(compiler, field, &at);
        origin(compiler, profile, field, &at);
        if let Some(end) = &field.relative_to {
            side(compiler, profile, end, &format!("{at}/relative_to"), "the end of a name");
        }
    }
    for (i, row) in profile.record.orientation.iter().enumerate() {
        for (key, name, role) in [("rrname", &row.rrname, "an owner"), ("rdata", &row.rdata, "data")] {
            side(compiler, profile, name, &format!("/record/orientation/{i}/{key}"), role);
        }
    }
    if profile.record.orientation.is_empty() {
        for (name, role) in [("rrname", "an owner"), ("rdata", "data")] {
            side(compiler, profile, name, &format!("/record/fields/{name}/as"), role);
        }
    }
    profile.besides.iter().enumerate().for_each(|(i, row)| besides(compiler, profile, row, &format!("/besides/{i}")));
}

/// The fields that orientation, conditions, texts and other fields read.
fn read(profile: &Profile) -> BTreeSet<String> {
    let record = &profile.record;
    let sides = record.orientation.iter().flat_map(|row| [row.rrname.clone(), row.rdata.clone()]);
    let ends = record.fields.values().filter_map(|field| field.relative_to.clone());
    let mut read: BTreeSet<String> = sides.chain(ends).collect();
    if record.orientation.is_empty() {
        read.extend(["rrname", "rdata"].map(str::to_owned));
    }
    read.extend(profile.besides.iter().map(|row| row.field.clone()));
    let (mut conditions, mut texts) = (vec![], vec![&profile.relationship.description]);
    conditions.extend(record.orientation.iter().map(|row| &row.when));
    texts.extend(profile.besides.iter().map(|row| &row.description));
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

/// A field of a key or of `{each}`, which no lookup has.
fn origin(compiler: &mut Compiler, profile: &Profile, field: &Field, at: &str) {
    let is_map = |lookup: &Lookup, up: usize| match &lookup.records {
        Some(Records::Levels(levels)) => levels.iter().rev().nth(up).is_some_and(|level| level.is == LevelKind::Map),
        _ => false,
    };
    let any = |has: &dyn Fn(&Lookup) -> bool| profile.lookups.values().any(has);
    let (is_there, label) = match field.from {
        FieldSource::Each => (any(&|lookup| !lookup.for_each.is_empty()), "no lookup has a `for_each`"),
        FieldSource::Key => (any(&|lookup| is_map(lookup, 0)), "no lookup has rows that are values of a `map`"),
        FieldSource::ParentKey => (any(&|lookup| is_map(lookup, 1)), "above the rows of no lookup is a `map`"),
        FieldSource::GrandparentKey => (any(&|lookup| is_map(lookup, 2)), "so far above the rows is no `map`"),
        _ => return,
    };
    if !is_there {
        compiler.error(Code::FieldPlace, &format!("{at}/from"), "there is never anything to read here", label);
    }
}

/// Only of several times one is the earliest.
fn take(compiler: &mut Compiler, field: &Field, at: &str) {
    let pointer = format!("{at}/take");
    if field.take == Take::First {
        return;
    }
    if field.kind != FieldType::Timestamp {
        let label = format!("this is {}", field.kind.wanted());
        compiler.error(Code::FieldType, &pointer, "only of times one is earlier than another", label);
    } else if field.at.as_ref().is_none_or(|at| at.iter().count() < 2) {
        let label = "it stands in one place";
        compiler.error(Code::FieldPlace, &pointer, "there is nothing to choose from", label);
    }
}

fn aliases(compiler: &mut Compiler, field: &Field, at: &str) {
    for (word, meaning) in &field.aliases {
        let pointer = child(&format!("{at}/aliases"), word);
        if !matches!(field.kind, FieldType::Rrtype | FieldType::String | FieldType::Tlp) {
            let label = format!("this is {}", field.kind.wanted());
            compiler.error(Code::FieldType, &pointer, "aliases are for record types, TLP levels and text", label);
        } else if field.kind == FieldType::Tlp && Tlp::parse(meaning).is_none() {
            let message = format!("`{meaning}` is no TLP level");
            compiler.error(Code::WrongForm, &pointer, message, "not read as one");
        } else if field.kind == FieldType::Rrtype && RrType::parse(meaning).is_err() {
            let message = format!("`{meaning}` is no DNS record type");
            compiler.error(Code::UnknownRrtype, &pointer, message, "not in the registry");
        }
    }
}

/// A side of a record is a name, an address or data; a time is none.
fn side(compiler: &mut Compiler, profile: &Profile, name: &str, at: &str, role: &str) {
    let Some(field) = profile.record.fields.get(name) else { return };
    if !is_side(field.kind) {
        let message = format!("the field `{name}` cannot be {role}");
        let declared = compiler.span(&child("/record/fields", name));
        let found = compiler.error(Code::FieldType, at, message, format!("it is {}", field.kind.wanted()));
        if !at.starts_with("/record/fields/") {
            *found = found.clone().also(declared, "declared here");
        }
    }
}

fn is_side(kind: FieldType) -> bool {
    use FieldType::{DnsName, Ip, Mailbox, Rdata, String};
    matches!(kind, DnsName | Ip | Mailbox | Rdata | String)
}

fn besides(compiler: &mut Compiler, profile: &Profile, row: &Besides, at: &str) {
    let Some(field) = profile.record.fields.get(&row.field) else { return };
    let is_number = field.kind == FieldType::Integer && row.target == Kind::AutonomousSystem;
    if !is_side(field.kind) && !is_number {
        let message = format!("the field `{}` never holds {}", row.field, row.target);
        let label = format!("it is {}", field.kind.wanted());
        compiler.error(Code::FieldType, &format!("{at}/field"), message, label);
    }
    let has_hostnames = profile.lookups.values().any(|lookup| lookup.accepts.contains(&Kind::Hostname));
    let is_owner = matches!(row.source, Kind::DomainName | Kind::Ipv4Addr | Kind::Ipv6Addr)
        || row.source == Kind::Hostname && has_hostnames;
    if row.of == Side::Rrname && !is_owner {
        let message = format!("the owner of a record is never {}", row.source);
        let label = "it is a domain name, or the address of a reverse name";
        compiler.error(Code::RuleNeverMatches, &format!("{at}/source"), message, label);
    }
}
