//! Compiled rules, indexed by record type. Each is validated to be permitted by OpenCTI and reachable.

use super::compiler::Compiler;
use super::endpoints::{possible_sources, possible_targets};
use super::expression::{Condition, Prose};
use super::pack::{Sourced, expanded};
use super::records;
use crate::diagnostic::Code;
use crate::dns::RrType;
use crate::profile::{AlsoRelate, MapRule, OneOrMany, Profile, Rule, Side};
use crate::stix::{ObservableType, Permission, RelationshipType, permission, permitted_between};
use std::collections::HashMap;

/// Rules with an index by record type.
#[derive(Debug)]
pub struct RulesPlan {
    /// Rules in the order of the profile.
    pub rules: Vec<RulePlan>,
    by_type: HashMap<RrType, Vec<usize>>,
    for_any: Vec<usize>,
}

impl RulesPlan {
    pub(super) fn new(rules: Vec<RulePlan>) -> RulesPlan {
        let applies = |rrtype: Option<RrType>| -> Vec<usize> {
            let any = |rule: &RulePlan| {
                rule.rrtypes.is_empty() || rrtype.is_some_and(|rrtype| rule.rrtypes.contains(&rrtype))
            };
            rules.iter().enumerate().filter(|(_, rule)| any(rule)).map(|(i, _)| i).collect()
        };
        let types = rules.iter().flat_map(|rule| rule.rrtypes.iter().copied());
        let by_type = types.map(|rrtype| (rrtype, applies(Some(rrtype)))).collect();
        let for_any = applies(None);
        RulesPlan { rules, by_type, for_any }
    }

    /// Returns the rules that can apply to a record type, in order, with their indexes.
    pub fn of(&self, rrtype: RrType) -> impl Iterator<Item = (usize, &RulePlan)> {
        let indexes = self.by_type.get(&rrtype).unwrap_or(&self.for_any);
        indexes.iter().map(|&index| (index, &self.rules[index]))
    }
}

/// A compiled rule of a profile or pack.
#[derive(Debug)]
pub struct RulePlan {
    /// Line of the rule, or of the reference to its pack.
    pub line: usize,
    /// JSON pointer of the rule, or of the reference to its pack.
    pub at: String,
    /// Name of the pack that contains the rule.
    pub pack: Option<&'static str>,
    /// Record types of the rule; empty means any.
    pub rrtypes: Vec<RrType>,
    /// Condition under which the rule applies.
    pub when: Option<Condition>,
    /// What the rule does with a matching record.
    pub then: RuleThen,
}

/// What a rule does with a matching record.
#[derive(Debug)]
pub enum RuleThen {
    /// Creates a relationship if both sides have these types.
    Relate {
        /// Observable type of the owner name.
        source: ObservableType,
        /// Type of the relationship to create.
        relationship: RelationshipType,
        /// Observable type of the data.
        target: ObservableType,
        /// Description of the relationship, if the rule has its own.
        description: Option<Box<Prose>>,
    },
    /// Drops the record, for the given reason.
    Drop(String),
}

/// An additional relationship of a mapped record.
#[derive(Debug)]
pub struct AlsoRelatePlan {
    /// Side of the record that is the source.
    pub of: Side,
    /// Required observable type of that side.
    pub source: ObservableType,
    /// Type of the relationship to create.
    pub relationship: RelationshipType,
    /// Observable type of the target.
    pub target: ObservableType,
    /// Index of the field with the target's value.
    pub field: usize,
    /// Description of the relationship, if it has its own.
    pub description: Option<Prose>,
}

pub(super) fn also_relate(compiler: &mut Compiler, profile: &Profile) -> Vec<Option<AlsoRelatePlan>> {
    profile.additional_relationships().map(|(at, row)| also_relate_row(compiler, profile, row, &at)).collect()
}

fn also_relate_row(compiler: &mut Compiler, profile: &Profile, row: &AlsoRelate, at: &str) -> Option<AlsoRelatePlan> {
    permitted(compiler, (row.source, row.relationship, row.target), at);
    let field = records::field_named(compiler, &profile.record, &row.field, &format!("{at}/field"));
    let description = match &row.description {
        Some(text) => Some(records::prose(compiler, &profile.record, text, &format!("{at}/description"))?),
        None => None,
    };
    let AlsoRelate { of, source, relationship, target, .. } = *row;
    Some(AlsoRelatePlan { of, source, relationship, target, field: field?, description })
}

pub(super) fn rules(compiler: &mut Compiler, profile: &Profile) -> Vec<Option<RulePlan>> {
    let sourced = expanded(compiler, &profile.rules);
    let compiled = sourced.iter().map(|sourced| rule(compiler, profile, sourced)).collect();
    total(compiler, &sourced);
    compiled
}

fn total(compiler: &mut Compiler, rules: &[Sourced]) {
    let Some(last) = rules.len().checked_sub(1) else { return };
    let drops_all =
        |row: &Sourced| matches!(&*row.rule, Rule::Drop(rule) if rule.when.is_none() && is_any(&rule.rrtype));
    if !drops_all(&rules[last]) {
        let at = rules[last].at.clone();
        let found = compiler.error(
            Code::RulesNotTotal,
            &at,
            "a record can match no rule",
            "the last rule must match every record",
        );
        found.notes.push("add a last rule `- { rrtype: \"*\", drop: <reason> }`".into());
    }
    if let Some(hiding) = rules[..last].iter().position(drops_all) {
        let at = rules[hiding].at.clone();
        compiler.error(Code::RuleHides, &at, "unreachable rules after this one", "matches every record");
    }
}

fn is_any(rrtype: &OneOrMany<String>) -> bool {
    rrtype.iter().any(|(_, word)| word == "*")
}

fn rule(compiler: &mut Compiler, profile: &Profile, sourced: &Sourced) -> Option<RulePlan> {
    let (rule, at) = (&*sourced.rule, sourced.at.as_str());
    let (rrtype, when) = match rule {
        Rule::Map(rule) => (&rule.rrtype, &rule.when),
        Rule::Drop(rule) => (&rule.rrtype, &rule.when),
        Rule::Use(_) => unreachable!("packs were expanded, and are not nested"),
    };
    let rrtypes = rrtypes(compiler, rrtype, at);
    let when = match when {
        Some(text) => Some(records::condition(compiler, &profile.record, text, &format!("{at}/when"))?),
        None => None,
    };
    let then = match rule {
        Rule::Drop(rule) => RuleThen::Drop(rule.drop.clone()),
        Rule::Map(rule) => relate(compiler, profile, rule, rrtypes.as_deref()?, at)?,
        Rule::Use(_) => unreachable!("packs were expanded, and are not nested"),
    };
    Some(RulePlan { line: compiler.line(at), at: at.to_owned(), pack: sourced.pack, rrtypes: rrtypes?, when, then })
}

/// Parses record types; an empty list means any.
fn rrtypes(compiler: &mut Compiler, words: &OneOrMany<String>, at: &str) -> Option<Vec<RrType>> {
    if is_any(words) {
        return Some(vec![]);
    }
    let types: Vec<_> = words
        .iter()
        .map(|(i, word)| {
            let parsed = RrType::parse(word).ok();
            if parsed.is_none() {
                let message = format!("unknown DNS record type `{word}`");
                compiler.error(Code::UnknownRrtype, &format!("{at}/rrtype{i}"), message, "not in the IANA registry");
            }
            parsed
        })
        .collect();
    types.into_iter().collect()
}

fn relate(
    compiler: &mut Compiler,
    profile: &Profile,
    rule: &MapRule,
    rrtypes: &[RrType],
    at: &str,
) -> Option<RuleThen> {
    // An unreachable rule needs no permission.
    if is_reachable(compiler, profile, rule, rrtypes, at) {
        permitted(compiler, (rule.source, rule.relationship, rule.target), at);
    }
    let description = match &rule.description {
        Some(text) => Some(Box::new(records::prose(compiler, &profile.record, text, &format!("{at}/description"))?)),
        None => None,
    };
    let MapRule { source, relationship, target, .. } = *rule;
    Some(RuleThen::Relate { source, relationship, target, description })
}

/// Reports a relationship that OpenCTI does not permit.
fn permitted(compiler: &mut Compiler, ends: (ObservableType, RelationshipType, ObservableType), at: &str) {
    let (source, relationship, target) = ends;
    match permission(source, relationship, target) {
        Permission::Always => return,
        Permission::Newer => return newer_only(compiler, ends, at),
        Permission::Never => {}
    }
    let others: Vec<String> = permitted_between(source, relationship).iter().map(ObservableType::to_string).collect();
    let note = match others.is_empty() {
        true => format!("{source} has no `{relationship}` relationships; `related-to` is always permitted"),
        false => {
            format!("{source} can have `{relationship}` to {}; `related-to` is always permitted", others.join(", "))
        }
    };
    let message = format!("OpenCTI does not permit `{relationship}` from {source} to {target}");
    let pointer = format!("{at}/relationship");
    let found = compiler.error(Code::RelationshipNotPermitted, &pointer, message, "not permitted");
    found.notes.push(note);
}

fn newer_only(compiler: &mut Compiler, ends: (ObservableType, RelationshipType, ObservableType), at: &str) {
    let (source, relationship, target) = ends;
    let message = format!("older OpenCTI versions do not permit `{relationship}` from {source} to {target}");
    let label = "rejected on import by older versions";
    let found = compiler.warning(Code::RelationshipNewerOnly, &format!("{at}/relationship"), message, label);
    found.notes.push("every version permits `related-to`".into());
}

/// Reports observable types that the record types of a rule cannot have. Each is reported once, for the first such
/// record type.
fn is_reachable(compiler: &mut Compiler, profile: &Profile, rule: &MapRule, rrtypes: &[RrType], at: &str) -> bool {
    // A hostname observable is also matched as a domain name of the same value.
    let has_hostnames = profile.lookups.values().any(|lookup| lookup.accepts.contains(&ObservableType::Hostname));
    let may_be = |kinds: &[ObservableType], kind: ObservableType| {
        kinds.contains(&kind)
            || kind == ObservableType::Hostname && has_hostnames && kinds.contains(&ObservableType::DomainName)
    };
    let any = [None];
    let each: Vec<Option<RrType>> = rrtypes.iter().copied().map(Some).collect();
    let types = if each.is_empty() { &any[..] } else { &each[..] };
    let (targets, sources) = (|rrtype| targets_of(rrtype), |rrtype| possible_sources(rrtype).to_vec());
    let (source, target) = (rule.source, rule.target);
    let wrong_source = types.iter().find(|&&rrtype| !may_be(&sources(rrtype), source));
    let wrong_target = types.iter().find(|&&rrtype| !may_be(&targets(rrtype), target));
    let mut never = |key: &str, what: String, kinds: &[ObservableType]| {
        let label = match kinds {
            [] => "no observable is created from it".to_owned(),
            kinds => format!("it is {}", kinds.iter().map(ObservableType::to_string).collect::<Vec<_>>().join(" or ")),
        };
        compiler.error(Code::RuleNeverMatches, &format!("{at}/{key}"), what, label);
    };
    let records = |rrtype: &Option<RrType>| rrtype.map_or("a record".into(), |rrtype| format!("{rrtype} records"));
    match (wrong_source, wrong_target) {
        (None, None) => return true,
        (Some(rrtype), Some(_)) if may_be(&sources(*rrtype), target) && may_be(&targets(*rrtype), source) => {
            let what = records(rrtype);
            let message = format!("the owner name of {what} is never {source}, and the data is never {target}");
            let label = format!("relationships of {what} lead from {target} to {source}: swap `source` and `target`");
            let other = compiler.span(&format!("{at}/target"));
            let found = compiler.error(Code::RuleNeverMatches, &format!("{at}/source"), message, label);
            *found = found.clone().also(other, "other end");
        }
        (wrong_source, wrong_target) => {
            if let Some(rrtype) = wrong_source {
                never("source", format!("the owner name of {} is never {source}", records(rrtype)), &sources(*rrtype));
            }
            if let Some(rrtype) = wrong_target {
                never("target", format!("the data of {} is never {target}", records(rrtype)), &targets(*rrtype));
            }
        }
    }
    false
}

/// Returns the observable types of the data of a record type, or of any type.
fn targets_of(rrtype: Option<RrType>) -> Vec<ObservableType> {
    let Some(rrtype) = rrtype else {
        let of_any =
            |kind: &ObservableType| RrType::known().any(|rrtype| possible_targets(rrtype.form()).contains(kind));
        return ObservableType::all().filter(of_any).collect();
    };
    possible_targets(rrtype.form()).to_vec()
}
