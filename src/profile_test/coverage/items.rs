//! Finds the items of a profile that a case can exercise, by their type in the JSON Schema.

use crate::profile_test::hint::hint;
use crate::profile_test::part::{Part, parts};
use crate::profile_test::phrasing::dotted;
use crate::profile_test::recorded::Recorded;
use stixmap_engine::case::input;
use stixmap_engine::diagnostic::Code;
use stixmap_engine::dns::RrType;
use stixmap_engine::plan::{FieldPlace, LookupPlan, Plan, RulePlan};
use stixmap_engine::profile::Meaning;
use stixmap_engine::run::{Response, map_stored, meaning};

/// A part of a profile that a case can exercise.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) kind: ItemKind,
    pub(super) pointer: String,
    pub(super) line: usize,
    /// The name in messages.
    pub(super) name: String,
    /// The suggested case.
    pub(super) hint: String,
}

/// The kind of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    Rule,
    AlsoRelate,
    Orientation,
    Answer,
    Lookup,
    PageEnd(End),
    Diagnostic(Code),
}

/// How the pages of a lookup can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The provider has no more pages.
    Last,
    /// The maximum number of pages is reached and the provider has more.
    Cap,
    /// A page or a cursor is repeated.
    Repeated,
    /// The response states that the provider has more than its only page.
    Truncated,
}

impl ItemKind {
    /// One representative of each kind.
    pub(super) const ALL: &[ItemKind] = &[
        ItemKind::Rule,
        ItemKind::AlsoRelate,
        ItemKind::Orientation,
        ItemKind::Answer,
        ItemKind::Lookup,
        ItemKind::PageEnd(End::Last),
        ItemKind::Diagnostic(Code::BadRecord),
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Rule => "rules",
            Self::AlsoRelate => "additional relationships",
            Self::Orientation => "orientation",
            Self::Answer => "answers",
            Self::Lookup => "lookups",
            Self::PageEnd(_) => "page ends",
            Self::Diagnostic(_) => "diagnostics",
        }
    }

    /// Tests whether it is reported as a branch of its line.
    pub(super) fn is_branch(self) -> bool {
        matches!(self, Self::PageEnd(_) | Self::Diagnostic(_))
    }
}

/// Returns all items of a profile, ordered by line.
pub(super) fn items(recorded: &Recorded) -> Vec<Item> {
    let parts = parts(recorded.tree.value());
    let mut items: Vec<Item> = parts.iter().flat_map(|part| of_part(part, recorded)).collect();
    items.sort_by_key(|item| item.line);
    items
}

fn of_part(part: &Part, recorded: &Recorded) -> Vec<Item> {
    if !part.value.is_object() {
        return vec![];
    }
    let item = |kind| Item {
        kind,
        pointer: part.pointer.clone(),
        line: recorded.line(&part.pointer),
        name: format!("`{}`", dotted(&part.pointer)),
        hint: hint(part),
    };
    match part.names.iter().find_map(|name| kind_of(name)) {
        Some(ItemKind::Lookup) => {
            let truncated = truncated(part, "truncated_when", recorded);
            [item(ItemKind::Lookup)].into_iter().chain(truncated).chain(malformed(part, recorded)).collect()
        }
        Some(ItemKind::Rule) if is_unreachable(part, recorded) => vec![],
        Some(kind) => vec![item(kind)],
        None if part.is("RecordBlock") => {
            vec![diagnostic_item(part, recorded, Code::BadRecord, "a bad record")]
        }
        None if part.is("Paging") => ends(part, recorded),
        None => vec![],
    }
}

/// Tests whether a rule is unreachable: earlier rules without a condition match each type that records can have.
fn is_unreachable(part: &Part, recorded: &Recorded) -> bool {
    let Some(types) = types(&recorded.plan) else { return false };
    let rules = &recorded.plan.rules.rules;
    let Some(index) = rules.iter().position(|rule| rule.at == part.pointer) else { return false };
    // A pack is used if any of its rules is.
    let own = rules[index..].iter().take_while(|rule| rule.at == part.pointer);
    let takes = |rule: &RulePlan, rrtype: RrType| rule.rrtypes.is_empty() || rule.rrtypes.contains(&rrtype);
    let is_taken = |rrtype| rules[..index].iter().any(|rule| rule.when.is_none() && takes(rule, rrtype));
    let is_last_resort = rules[index].pack.is_none() && rules[index].rrtypes.is_empty();
    let mut reaches = own.flat_map(|rule| types.iter().filter(move |rrtype| takes(rule, **rrtype)));
    !reaches.any(|rrtype| !is_last_resort || !is_taken(*rrtype))
}

/// Returns the types that records can have, if the profile restricts them.
fn types(plan: &Plan) -> Option<Vec<RrType>> {
    let field = &plan.record.fields[plan.record.rrtype];
    let names: Vec<String> = match &field.source {
        FieldPlace::Constant(value) => vec![value.as_str()?.to_owned()],
        FieldPlace::Each => plan.lookups.iter().flat_map(|lookup| lookup.for_each.iter().cloned()).collect(),
        _ => return None,
    };
    Some(names.iter().filter_map(|name| RrType::parse(field.aliases.get(name).unwrap_or(name)).ok()).collect())
}

/// Returns the kind of an item by its type in the JSON Schema.
fn kind_of(name: &str) -> Option<ItemKind> {
    match name {
        "Rule" => Some(ItemKind::Rule),
        "Orientation" => Some(ItemKind::Orientation),
        "AlsoRelate" => Some(ItemKind::AlsoRelate),
        "Answer" => Some(ItemKind::Answer),
        "Lookup" => Some(ItemKind::Lookup),
        _ => None,
    }
}

/// The ends of bounded paging, with name and suggestion.
const ENDS: &[(End, &str, &str)] = &[
    (End::Last, "the last page", "the last page of several"),
    (End::Cap, "more pages than requested", "more pages than the lookup requests"),
    (End::Repeated, "a repeated page", "a page or a cursor that is repeated"),
];

fn ends(part: &Part, recorded: &Recorded) -> Vec<Item> {
    let item = |&(end, name, hint): &(End, &str, &str)| Item {
        kind: ItemKind::PageEnd(end),
        pointer: part.pointer.clone(),
        line: recorded.line(&part.pointer),
        name: format!("{name} of `{}`", dotted(&part.pointer)),
        hint: format!("add a case with {hint}"),
    };
    // A single page cannot be followed or repeated.
    let most = part.value.get("at_most").and_then(serde_json::Value::as_u64);
    // Windows are computed by the engine and cannot repeat.
    let is_by_window = part.value.get("kind").is_some_and(|kind| kind == "window");
    let can_repeat = most.is_some_and(|most| most > 1) && !is_by_window;
    let can_end = |(end, ..): &&(End, &str, &str)| match end {
        End::Cap => most.is_some(),
        End::Last => most.is_some_and(|most| most > 1),
        End::Repeated | End::Truncated => can_repeat,
    };
    let bounded = ENDS.iter().filter(can_end).map(item);
    bounded.chain(truncated(part, "total", recorded)).collect()
}

/// Returns the item for a key that marks a response as incomplete.
fn truncated(part: &Part, key: &str, recorded: &Recorded) -> Option<Item> {
    let is_bounded = part.value.get("at_most").is_some();
    part.value.get(key).filter(|value| !value.is_null() && !is_bounded)?;
    let pointer = format!("{}/{key}", part.pointer);
    Some(Item {
        kind: ItemKind::PageEnd(End::Truncated),
        line: recorded.line(&pointer),
        name: format!("`{}`", dotted(&pointer)),
        hint: "add a case with a response that reports more records than it contains".into(),
        pointer,
    })
}

fn diagnostic_item(part: &Part, recorded: &Recorded, code: Code, hint: &str) -> Item {
    Item {
        kind: ItemKind::Diagnostic(code),
        pointer: part.pointer.clone(),
        line: recorded.line(&part.pointer),
        name: format!("{code} of `{}`", dotted(&part.pointer)),
        hint: format!("add a case with {hint}"),
    }
}

/// Malformed response bodies: the diagnostics that they cause are the items.
const MALFORMED: &[&str] = &["", "{}", "[]", "null", "<html>", "{\"x\":"];

/// Returns the diagnostics, except bad records, that malformed responses of a lookup cause.
fn malformed(part: &Part, recorded: &Recorded) -> Vec<Item> {
    let Some(lookup) = recorded.plan.lookups.iter().find(|lookup| part.pointer.ends_with(&format!("/{}", lookup.name)))
    else {
        return vec![];
    };
    let codes = codes_of_malformed(recorded, lookup);
    let item = |code| {
        let hint = match code {
            Code::ResponseShape => "a response whose records are not at their path",
            _ => "a truncated response, or one of another format",
        };
        diagnostic_item(part, recorded, code, hint)
    };
    codes.into_iter().filter(|code| *code != Code::BadRecord).map(item).collect()
}

fn codes_of_malformed(recorded: &Recorded, lookup: &LookupPlan) -> Vec<Code> {
    let asks = recorded.cases.iter().find(|case| lookup.accepts.contains(&case.case.observable.kind()));
    let Some((case, Ok(_))) = asks.map(|case| (case, input(&recorded.plan, &case.case))) else { return vec![] };
    let each = lookup.for_each.first().map(String::as_str);
    // Skips bodies that `answers` classifies as something other than `ok`: they are not parsed.
    let is_read = |body: &&&str| {
        let body = body.as_bytes().to_vec();
        let response = Response { status: 200, headers: vec![], body, cut: None };
        meaning(&recorded.plan, lookup.rows.framing, &response) == Some(Meaning::Ok)
    };
    let found = MALFORMED.iter().filter(is_read).filter_map(|body| {
        let answers = [("answer".to_owned(), [body.as_bytes().to_vec()])];
        let input = input(&recorded.plan, &case.case).ok()?;
        Some(map_stored(&recorded.plan, lookup, each, input, answers, case.case.now).diagnostics)
    });
    let mut codes: Vec<Code> = found.flatten().map(|diagnostic| diagnostic.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}
