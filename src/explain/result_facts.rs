//! Facts about the results of a profile: records, rules, relationships, markings, author.

use super::facts::{
    FieldFact, IdentityFact, OrientationFact, PapFact, RecordFact, RelationshipFact, RuleFact, Then, TlpFact,
};
use super::manual;
use super::phrasing::word;
use super::request_facts::{scalar, value_or_setting, zone};
use super::run_preview::RunPreview;
use jiff::SignedDuration;
use stixmap_engine::plan::{FieldPlace, FieldPlan, Operand, OrientationPlan, Plan, RuleThen, TimeFormat};
use stixmap_engine::profile::{FieldType, Take, Unmarked};
use stixmap_engine::stix::Repeats;

pub(super) fn record(plan: &Plan) -> RecordFact {
    RecordFact {
        fields: plan.record.fields.iter().map(|field| self::field(plan, field)).collect(),
        orientation: plan.record.orientation.iter().map(|row| orientation(plan, row)).collect(),
        bad_at_most_percent: plan.record.bad_at_most,
        drop_addresses: plan.record.drop_addresses.iter().map(ToString::to_string).collect(),
        other_names: manual::meaning("OtherNames", &word(&plan.record.other_names)),
    }
}

fn field(plan: &Plan, field: &FieldPlan) -> FieldFact {
    let is_time = field.kind == FieldType::Timestamp;
    FieldFact {
        name: field.name.clone(),
        line: plan.source.line(field.span.start),
        r#type: word(&field.kind),
        take: (field.take != Take::First).then(|| word(&field.take)),
        at: places(&field.source),
        format: is_time.then(|| field.formats.iter().map(TimeFormat::as_str).collect::<Vec<_>>().join(" or ")),
        zone: field.formats.iter().find_map(zone).map(str::to_owned),
        optional: field.optional,
        none_when: field.none_when.iter().map(scalar).collect(),
        aliases: field.aliases.iter().map(|(theirs, ours)| (theirs.clone(), ours.clone())).collect(),
    }
}

/// Returns where a field's value is read.
fn places(source: &FieldPlace) -> Vec<String> {
    let paths = |from: &str| source.paths().iter().map(|path| format!("{path}{from}")).collect();
    match source {
        FieldPlace::Row(_) => paths(""),
        FieldPlace::Above(1, _) => paths(" of the row's parent"),
        FieldPlace::Above(..) => paths(" two levels above the row"),
        FieldPlace::Answer(_) => paths(" of the response"),
        FieldPlace::Key(0) => vec!["the row's key".to_owned()],
        FieldPlace::Key(up) => vec![format!("the key {up} levels above the row's")],
        FieldPlace::Each => vec!["{each}".to_owned()],
        FieldPlace::Observable => vec!["the observable".to_owned()],
        FieldPlace::Header(name) => vec![format!("the header `{name}`")],
        FieldPlace::Constant(value) => vec![format!("the constant {value}")],
    }
}

fn orientation(plan: &Plan, row: &OrientationPlan) -> OrientationFact {
    let side = |operand: Operand| match operand {
        Operand::Observable => "observable".to_owned(),
        Operand::Field(field) => plan.record.fields[field].name.clone(),
    };
    OrientationFact {
        when: row.when.as_ref().map(|when| when.text().to_owned()),
        rrname: side(row.rrname),
        rdata: side(row.rdata),
        rdata_as: row.rdata_as.as_ref().map(word),
    }
}

pub(super) fn rules(plan: &Plan) -> Vec<RuleFact> {
    let rules = plan.rules.rules.iter().enumerate();
    let fact = rules.map(|(number, rule)| RuleFact {
        number,
        line: rule.line,
        rrtypes: rule.rrtypes.iter().map(ToString::to_string).collect(),
        when: rule.when.as_ref().map(|when| when.text().to_owned()),
        then: then(&rule.then),
    });
    fact.collect()
}

fn then(then: &RuleThen) -> Then {
    match then {
        RuleThen::Drop(reason) => Then::Drop { drop: reason.clone() },
        RuleThen::Relate { source, relationship, target, description } => Then::Relate {
            source: source.stix_type(),
            relationship: relationship.as_str(),
            target: target.stix_type(),
            description: description.as_ref().map(|text| text.text().to_owned()),
        },
    }
}

pub(super) fn relationship(plan: &Plan) -> RelationshipFact {
    let block = &plan.relationship;
    RelationshipFact {
        description: block.description.as_ref().map(|text| text.text().to_owned()),
        start_time: block.start_time.map(|field| field.to_string()),
        stop_time: block.stop_time.map(|field| field.to_string()),
        id: match block.policy.start_in_id {
            true => "type, both ends and start",
            false => "type and both ends",
        },
        repeats: match block.policy.repeats {
            Repeats::Gap(SignedDuration::MAX) => "One relationship per record type.".into(),
            Repeats::Gap(gap) => format!(
                "One relationship per record type and period; a record extends a period if it is at most {} away.",
                length(gap)
            ),
            Repeats::Widen => manual::meaning("RepeatsWord", "widen"),
            Repeats::Separate => manual::meaning("RepeatsWord", "separate"),
        },
    }
}

/// Formats a duration, in days if it is whole days.
fn length(gap: SignedDuration) -> String {
    match (gap.as_hours() / 24, gap.as_secs() % 86_400) {
        (1, 0) => "1 day".to_owned(),
        (days, 0) => format!("{days} days"),
        _ => format!("{gap:#}"),
    }
}

pub(super) fn tlp(plan: &Plan, preview: Option<&RunPreview>) -> TlpFact {
    let settings = preview.map(|preview| &preview.settings);
    TlpFact {
        max: value_or_setting(plan, &plan.tlp.max, settings),
        unmarked: match plan.tlp.unmarked {
            Unmarked::Allow => "are sent",
            Unmarked::Refuse => "are not sent",
        },
        at_least: value_or_setting(plan, &plan.tlp.at_least, settings),
    }
}

pub(super) fn pap(plan: &Plan, preview: Option<&RunPreview>) -> PapFact {
    PapFact { max: value_or_setting(plan, &plan.pap_max, preview.map(|preview| &preview.settings)) }
}

pub(super) fn identity(plan: &Plan) -> IdentityFact {
    let (name, class) = &plan.identity;
    IdentityFact { name: name.clone(), class }
}
