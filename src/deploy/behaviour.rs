//! Facts about a plan for the README of a deployment: requests, mapping, markings. No layout.

use crate::quote;
use crate::setting::variable;
use serde::Serialize;
use stixmap_engine::plan::{AlsoRelatePlan, BaseUrl, LookupPlan, PagingPlan, Plan, RulePlan, RuleThen, ValueOrSetting};
use stixmap_engine::profile::{Side, Status, Unmarked};
use stixmap_engine::stix::{ObservableType, Pap, Tlp};

#[derive(Serialize)]
pub(super) struct Behaviour {
    /// Types of observables that the profile accepts.
    accepts: Vec<&'static str>,
    /// Host of the provider's API, or the variable that sets it.
    host: String,
    lookups: Vec<Lookup>,
    mappings: Vec<Mapping>,
    also_relate: Vec<ExtraRelationship>,
    drops: Vec<Drop>,
    /// Whether a rule has a condition.
    has_conditions: bool,
    made: Vec<Made>,
    tlp: TlpFacts,
    /// Highest PAP level of an accepted observable.
    pap_max: String,
    /// Period of the query: a duration, or the variable that sets it.
    window: Option<String>,
    /// Rate limit of the profile.
    rate: Option<String>,
    /// Whether the remaining quota is queried before lookups.
    has_probe: bool,
}

#[derive(Serialize)]
struct Lookup {
    name: String,
    accepts: Vec<&'static str>,
    /// Request line, such as `GET /v2/dns/passive`.
    request: String,
    pages: String,
}

#[derive(Serialize)]
struct Mapping {
    rrtype: String,
    when: Option<String>,
    source: &'static str,
    target: &'static str,
    relationship: &'static str,
}

/// An additional relationship of a mapped record.
#[derive(Serialize)]
struct ExtraRelationship {
    side: &'static str,
    source: &'static str,
    field: String,
    target: &'static str,
    relationship: &'static str,
}

#[derive(Serialize)]
struct Drop {
    rrtypes: String,
    when: Option<String>,
    reason: String,
}

#[derive(Serialize)]
struct Made {
    kind: &'static str,
    /// Record types and fields that create it, in Markdown.
    of: String,
}

#[derive(Serialize)]
struct TlpFacts {
    max: String,
    /// The variable that sets the maximum, if one does.
    max_variable: Option<String>,
    allows_unmarked: bool,
    at_least: String,
}

pub(super) fn behaviour(plan: &Plan) -> Behaviour {
    let mappings = mappings(plan);
    let drops: Vec<Drop> = plan.rules.rules.iter().filter_map(drop).collect();
    Behaviour {
        accepts: plan.accepts().into_iter().map(|kind| kind.entity_type()).collect(),
        host: match &plan.http.base_url {
            BaseUrl::Literal(url) => url.host_str().unwrap_or_default().to_owned(),
            BaseUrl::Setting(name) => variable(&plan.id, name),
        },
        lookups: plan.lookups.iter().map(|lookup| self::lookup(plan, lookup)).collect(),
        has_conditions: mappings.iter().any(|mapping| mapping.when.is_some()),
        made: kinds_made(plan).into_iter().map(|kind| made(plan, kind, &mappings)).collect(),
        mappings,
        also_relate: plan.also_relate.iter().map(|row| extra_relationship(plan, row)).collect(),
        drops,
        tlp: tlp(plan),
        pap_max: value(plan, &plan.pap_max, Pap::to_string),
        window: plan.window.as_ref().map(|window| value(plan, &window.last, ToString::to_string)),
        rate: rate(plan),
        has_probe: plan.quota.probe.is_some(),
    }
}

/// Returns the types of observables that the rules can create, in the order of `ObservableType::all`.
pub(super) fn kinds_made(plan: &Plan) -> Vec<ObservableType> {
    let of_rule = |rule: &RulePlan, kind| matches!(rule.then, RuleThen::Relate { source, target, .. } if source == kind || target == kind);
    let of_rules = |kind| plan.rules.rules.iter().any(|rule| of_rule(rule, kind));
    let of_fields = |kind| plan.also_relate.iter().any(|row| row.target == kind);
    ObservableType::all().filter(|&kind| of_rules(kind) || of_fields(kind)).collect()
}

fn mappings(plan: &Plan) -> Vec<Mapping> {
    let rows = plan.rules.rules.iter().filter_map(|rule| match rule.then {
        RuleThen::Relate { source, relationship, target, .. } => Some((rule, source, relationship, target)),
        RuleThen::Drop(_) => None,
    });
    let rows = rows.flat_map(|(rule, source, relationship, target)| {
        names(rule).into_iter().map(move |rrtype| Mapping {
            rrtype,
            when: when(rule),
            source: source.entity_type(),
            target: target.entity_type(),
            relationship: relationship.as_str(),
        })
    });
    rows.collect()
}

fn extra_relationship(plan: &Plan, row: &AlsoRelatePlan) -> ExtraRelationship {
    ExtraRelationship {
        side: match row.of {
            Side::Rrname => "owner",
            Side::Rdata => "data",
        },
        source: row.source.entity_type(),
        field: field(plan, row),
        target: row.target.entity_type(),
        relationship: row.relationship.as_str(),
    }
}

fn field(plan: &Plan, row: &AlsoRelatePlan) -> String {
    plan.record.fields[row.field].name.clone()
}

fn drop(rule: &RulePlan) -> Option<Drop> {
    let RuleThen::Drop(reason) = &rule.then else { return None };
    Some(Drop { rrtypes: names(rule).join(", "), when: when(rule), reason: reason.clone() })
}

fn names(rule: &RulePlan) -> Vec<String> {
    match rule.rrtypes.as_slice() {
        [] => vec!["any other".to_owned()],
        types => types.iter().map(ToString::to_string).collect(),
    }
}

fn when(rule: &RulePlan) -> Option<String> {
    rule.when.as_ref().map(|condition| condition.text().to_owned())
}

fn made(plan: &Plan, kind: ObservableType, mappings: &[Mapping]) -> Made {
    let name = kind.entity_type();
    let of = |end: fn(&Mapping) -> &'static str, what: &str| {
        let mut types: Vec<&str> =
            mappings.iter().filter(|row| end(row) == name).map(|row| row.rrtype.as_str()).collect();
        types.dedup();
        (!types.is_empty()).then(|| format!("the {what} of {} records", types.join(", ")))
    };
    let sides = [of(|row| row.source, "owner"), of(|row| row.target, "data")];
    let fields = plan.also_relate.iter().filter(|row| row.target == kind).map(|row| field(plan, row));
    let fields = fields.map(|field| format!("the field {} of mapped records", quote::code(&field)));
    Made { kind: name, of: sides.into_iter().flatten().chain(fields).collect::<Vec<_>>().join("; ") }
}

fn rate(plan: &Plan) -> Option<String> {
    let rates = plan.quota.rates.iter().map(|rate| format!("{} requests in {:#}", rate.requests, rate.per));
    let rates: Vec<String> = rates.collect();
    (!rates.is_empty()).then(|| rates.join(" and "))
}

fn lookup(plan: &Plan, lookup: &LookupPlan) -> Lookup {
    let base = match &plan.http.base_url {
        BaseUrl::Literal(url) => url.path().trim_end_matches('/'),
        BaseUrl::Setting(_) => "",
    };
    Lookup {
        name: lookup.name.clone(),
        accepts: lookup.accepts.iter().map(|kind| kind.entity_type()).collect(),
        request: format!("{} {base}{}", lookup.method.as_str(), lookup.path),
        pages: match &lookup.paging {
            PagingPlan::None { .. } => "one".to_owned(),
            PagingPlan::Page { at_most, .. }
            | PagingPlan::Offset { at_most, .. }
            | PagingPlan::NextUrl { at_most, .. }
            | PagingPlan::Cursor { at_most, .. }
            | PagingPlan::Window { at_most, .. } => format!("at most {at_most}"),
        },
    }
}

fn tlp(plan: &Plan) -> TlpFacts {
    TlpFacts {
        max: value(plan, &plan.tlp.max, Tlp::to_string),
        max_variable: match &plan.tlp.max {
            ValueOrSetting::Setting(name) => Some(variable(&plan.id, name)),
            ValueOrSetting::Value(_) => None,
        },
        allows_unmarked: plan.tlp.unmarked == Unmarked::Allow,
        at_least: value(plan, &plan.tlp.at_least, Tlp::to_string),
    }
}

fn value<T>(plan: &Plan, value: &ValueOrSetting<T>, text: impl Fn(&T) -> String) -> String {
    match value {
        ValueOrSetting::Value(value) => text(value),
        ValueOrSetting::Setting(name) => variable(&plan.id, name),
    }
}

/// Returns a warning about a provider or profile that is not reliable.
pub(super) fn notice(status: Status) -> Option<&'static str> {
    match status {
        Status::Active => None,
        Status::Experimental => Some(
            "This profile was written from the provider's documentation; it has not been tested against the service.",
        ),
        Status::Deprecated => Some("The provider has announced the end of this service."),
    }
}
