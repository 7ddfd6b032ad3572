//! What of a profile can be exercised: found in its tree by what the language calls each part, wherever it stands.

use crate::profile_test::hint::hint;
use crate::profile_test::part::{Part, parts};
use crate::profile_test::phrasing::place;
use crate::profile_test::recorded::Recorded;
use stixmap_engine::case::input;
use stixmap_engine::diagnostic::Code;
use stixmap_engine::dns::RrType;
use stixmap_engine::plan::{FieldPlace, LookupPlan, Plan, RulePlan};
use stixmap_engine::profile::Meaning;
use stixmap_engine::run::{Response, map_stored, meaning};

/// Something of a profile that a case can exercise.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) sort: Sort,
    pub(super) pointer: String,
    pub(super) line: usize,
    /// What it is, as people speak of it.
    pub(super) name: String,
    /// Which case would exercise it.
    pub(super) hint: String,
}

/// What can be exercised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Rule,
    Besides,
    Orientation,
    Answer,
    Lookup,
    PageEnd(End),
    Diagnostic(Code),
}

/// How the pages of a lookup can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The provider has no more.
    Last,
    /// It has more, and no more is asked for.
    Cap,
    /// A page or a cursor comes again.
    Repeated,
    /// The one page is not all that the provider has.
    Truncated,
}

impl Sort {
    /// One of each.
    pub(super) const ALL: &[Sort] = &[
        Sort::Rule,
        Sort::Besides,
        Sort::Orientation,
        Sort::Answer,
        Sort::Lookup,
        Sort::PageEnd(End::Last),
        Sort::Diagnostic(Code::BadRecord),
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Rule => "rules",
            Self::Besides => "besides",
            Self::Orientation => "orientation",
            Self::Answer => "answers",
            Self::Lookup => "lookups",
            Self::PageEnd(_) => "page ends",
            Self::Diagnostic(_) => "diagnostics",
        }
    }

    /// Whether it is one of several things that a line can come to.
    pub(super) fn is_branch(self) -> bool {
        matches!(self, Self::PageEnd(_) | Self::Diagnostic(_))
    }
}

/// All of a profile, in the order of its lines.
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
    let item = |sort| Item {
        sort,
        pointer: part.pointer.clone(),
        line: recorded.line(&part.pointer),
        name: format!("`{}`", place(&part.pointer)),
        hint: hint(part),
    };
    match part.names.iter().find_map(|name| row(name)) {
        Some(Sort::Lookup) => {
            let truncated = truncated(part, "truncated_when", recorded);
            [item(Sort::Lookup)].into_iter().chain(truncated).chain(broken(part, recorded)).collect()
        }
        Some(Sort::Rule) if is_beyond(part, recorded) => vec![],
        Some(sort) => vec![item(sort)],
        None if part.is("RecordBlock") => {
            vec![of_code(part, recorded, Code::BadRecord, "a record that cannot be read")]
        }
        None if part.is("Paging") => ends(part, recorded),
        None => vec![],
    }
}

/// Whether no record can come to a rule: each type that records can have goes by earlier rules without a condition.
fn is_beyond(part: &Part, recorded: &Recorded) -> bool {
    let Some(types) = types(&recorded.plan) else { return false };
    let rules = &recorded.plan.rules.rules;
    let Some(place) = rules.iter().position(|rule| rule.at == part.pointer) else { return false };
    // A pack is used where any of its rules is.
    let own = rules[place..].iter().take_while(|rule| rule.at == part.pointer);
    let takes = |rule: &RulePlan, rrtype: RrType| rule.rrtypes.is_empty() || rule.rrtypes.contains(&rrtype);
    let is_taken = |rrtype| rules[..place].iter().any(|rule| rule.when.is_none() && takes(rule, rrtype));
    let is_last_resort = rules[place].pack.is_none() && rules[place].rrtypes.is_empty();
    let mut reaches = own.flat_map(|rule| types.iter().filter(move |rrtype| takes(rule, **rrtype)));
    !reaches.any(|rrtype| !is_last_resort || !is_taken(*rrtype))
}

/// The record types that records can have, where the profile itself says them.
fn types(plan: &Plan) -> Option<Vec<RrType>> {
    let field = &plan.record.fields[plan.record.rrtype];
    let words: Vec<String> = match &field.source {
        FieldPlace::Constant(value) => vec![value.as_str()?.to_owned()],
        FieldPlace::Each => plan.lookups.iter().flat_map(|lookup| lookup.for_each.iter().cloned()).collect(),
        _ => return None,
    };
    Some(words.iter().filter_map(|word| RrType::parse(field.aliases.get(word).unwrap_or(word)).ok()).collect())
}

/// What is exercised as a whole, by the name the language has for it.
fn row(name: &str) -> Option<Sort> {
    match name {
        "Rule" => Some(Sort::Rule),
        "Orientation" => Some(Sort::Orientation),
        "Besides" => Some(Sort::Besides),
        "Answer" => Some(Sort::Answer),
        "Lookup" => Some(Sort::Lookup),
        _ => None,
    }
}

/// The ways in which pages end that have a bound.
const ENDS: &[(End, &str, &str)] = &[
    (End::Last, "the last page", "as many pages as there are"),
    (End::Cap, "more pages than are asked for", "more pages than are asked for"),
    (End::Repeated, "a page that comes again", "a page or a cursor that comes a second time"),
];

fn ends(part: &Part, recorded: &Recorded) -> Vec<Item> {
    let item = |&(end, name, hint): &(End, &str, &str)| Item {
        sort: Sort::PageEnd(end),
        pointer: part.pointer.clone(),
        line: recorded.line(&part.pointer),
        name: format!("{name} of `{}`", place(&part.pointer)),
        hint: format!("add a case with {hint}"),
    };
    // Of one page, none comes after another.
    let most = part.value.get("at_most").and_then(serde_json::Value::as_u64);
    // Parts of the window are asked for by what they are, and never come again.
    let is_by_part = part.value.get("kind").is_some_and(|kind| kind == "window");
    let comes_again = most.is_some_and(|most| most > 1) && !is_by_part;
    let can_end = |(end, ..): &&(End, &str, &str)| match end {
        End::Cap => most.is_some(),
        End::Last => most.is_some_and(|most| most > 1),
        End::Repeated | End::Truncated => comes_again,
    };
    let bounded = ENDS.iter().filter(can_end).map(item);
    bounded.chain(truncated(part, "total", recorded)).collect()
}

/// A key that says when an answer is not all that the provider has.
fn truncated(part: &Part, key: &str, recorded: &Recorded) -> Option<Item> {
    let is_bounded = part.value.get("at_most").is_some();
    part.value.get(key).filter(|value| !value.is_null() && !is_bounded)?;
    let pointer = format!("{}/{key}", part.pointer);
    Some(Item {
        sort: Sort::PageEnd(End::Truncated),
        line: recorded.line(&pointer),
        name: format!("`{}`", place(&pointer)),
        hint: "add a case with an answer that tells of more records than it holds".into(),
        pointer,
    })
}

fn of_code(part: &Part, recorded: &Recorded, code: Code, hint: &str) -> Item {
    Item {
        sort: Sort::Diagnostic(code),
        pointer: part.pointer.clone(),
        line: recorded.line(&part.pointer),
        name: format!("{code} of `{}`", place(&part.pointer)),
        hint: format!("add a case with {hint}"),
    }
}

/// Answers that are broken in ways of their own: what is told of them is what can be told.
const SPOILED: &[&str] = &["", "{}", "[]", "null", "<html>", "{\"x\":"];

/// What can be told of the answers of a lookup, besides bad records: found by giving it broken ones.
fn broken(part: &Part, recorded: &Recorded) -> Vec<Item> {
    let Some(lookup) = recorded.plan.lookups.iter().find(|lookup| part.pointer.ends_with(&format!("/{}", lookup.name)))
    else {
        return vec![];
    };
    let told = told_of_spoiled(recorded, lookup);
    let item = |code| {
        let hint = match code {
            Code::ResponseShape => "an answer whose records are not where they should be",
            _ => "an answer that is cut short, or no answer of this kind at all",
        };
        of_code(part, recorded, code, hint)
    };
    told.into_iter().filter(|code| *code != Code::BadRecord).map(item).collect()
}

fn told_of_spoiled(recorded: &Recorded, lookup: &LookupPlan) -> Vec<Code> {
    let asks = recorded.cases.iter().find(|case| lookup.accepts.contains(&case.case.observable.kind()));
    let Some((case, Ok(_))) = asks.map(|case| (case, input(&recorded.plan, &case.case))) else { return vec![] };
    let each = lookup.for_each.first().map(String::as_str);
    // What `answers` takes for no answer to be read is not read, however broken.
    let is_read = |body: &&&str| {
        let body = body.as_bytes().to_vec();
        let response = Response { status: 200, headers: vec![], body, cut: None };
        meaning(&recorded.plan, lookup.rows.framing, &response) == Some(Meaning::Ok)
    };
    let told = SPOILED.iter().filter(is_read).filter_map(|body| {
        let answers = [("answer".to_owned(), [body.as_bytes().to_vec()])];
        let input = input(&recorded.plan, &case.case).ok()?;
        Some(map_stored(&recorded.plan, lookup, each, input, answers, case.case.now).diagnostics)
    });
    let mut codes: Vec<Code> = told.flatten().map(|diagnostic| diagnostic.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}
