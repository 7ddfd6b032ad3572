//! What the parts of a profile say together: parts that nothing uses, that hide one another, or that contradict one another.
//! Each part by itself was checked where it is compiled.

use super::compiler::Compiler;
use super::expression::{Condition, Prose};
use super::records::FieldPlan;
use super::template::{Local, Part, Template};
use super::{AnswerPlan, CursorTarget, LookupPlan, PagingPlan, Parameter, QueryPlan};
use super::{BASE_URL, Plan, RuleThen, exact};
use crate::diagnostic::Code;
use crate::profile::{FieldType, Profile, SettingType, TimeField};
use crate::stix::Tlp;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

/// Fields that the engine itself reads.
const KNOWN_FIELDS: [&str; 8] = ["rrname", "rrtype", "rdata", "time_first", "time_last", "count", "bailiwick", "tlp"];

pub(super) fn check(compiler: &mut Compiler, profile: &Profile, plan: &Plan) {
    settings(compiler, profile);
    http(compiler, plan);
    answers(compiler, plan);
    window(compiler, plan);
    for lookup in &plan.lookups {
        self::lookup(compiler, lookup);
        credentials(compiler, plan, lookup);
    }
    fields(compiler, plan);
    rules(compiler, plan);
    relationship(compiler, plan);
}

fn settings(compiler: &mut Compiler, profile: &Profile) {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for (name, setting) in &profile.settings {
        let at = format!("/settings/{name}");
        let own = [(name.as_str(), at.clone())];
        let others = setting.also.iter().enumerate().map(|(i, also)| (also.as_str(), format!("{at}/also/{i}")));
        for (word, pointer) in own.into_iter().chain(others) {
            setting_name(compiler, word, &pointer);
            if let Some(other) = names.insert(word, pointer.clone()) {
                name_twice(compiler, word, &other, &pointer);
            }
        }
        if setting.kind == SettingType::Secret && setting.default.is_some() {
            let label = "everybody could read it";
            compiler.error(Code::SecretDefault, &format!("{at}/default"), "a secret has no default", label);
        }
        if setting.required && setting.default.is_some() {
            let label = "it always has this value";
            compiler.warning(
                Code::DefaultOfRequired,
                &format!("{at}/default"),
                "a setting with a default is never missing",
                label,
            );
        }
        if !compiler.uses_setting(name) && name != BASE_URL {
            compiler.warning(Code::SettingUnused, &at, format!("nothing uses the setting `{name}`"), "declared here");
        }
    }
}

fn name_twice(compiler: &mut Compiler, word: &str, one: &str, other: &str) {
    let is_in_order = compiler.key_span(one).start < compiler.key_span(other).start;
    let (first, again) = if is_in_order { (one, other) } else { (other, one) };
    let first = compiler.key_span(first);
    let found =
        compiler.error(Code::SettingNameTwice, again, format!("two settings are called `{word}`"), "again here");
    *found = found.clone().also(first, "first here");
}

fn setting_name(compiler: &mut Compiler, name: &str, pointer: &str) {
    let is_word = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_word || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        let label = "lower-case letters, digits and `_`";
        compiler.error(Code::SettingName, pointer, format!("a setting cannot be called `{name}`"), label);
    }
}

fn http(compiler: &mut Compiler, plan: &Plan) {
    if plan.http.timeout <= SignedDuration::ZERO {
        compiler.error(Code::DurationZero, "/http/timeout", "no request is answered in no time", "no time at all");
    }
    if plan.http.retry.first > plan.http.retry.longest {
        let longest = compiler.span("/http/retry/longest");
        let found = compiler.error(
            Code::RetryOrder,
            "/http/retry/first",
            "the first wait is longer than the longest",
            "the first",
        );
        *found = found.clone().also(longest, "the longest");
    }
    if plan.quota.rates.iter().any(|rate| rate.per <= SignedDuration::ZERO) {
        compiler.error(Code::DurationZero, "/quota/rate", "a rate is over some time", "no time at all");
    }
    let auth = plan.http.auth.iter().filter_map(|auth| match auth {
        super::AuthPlan::Header { name, .. } => Some(name.as_str()),
        super::AuthPlan::Basic(_) => Some("Authorization"),
        super::AuthPlan::Token(token) => match &token.carrier {
            super::TokenCarrier::Header(name) => Some(name.as_str()),
            super::TokenCarrier::Query(_) => None,
        },
        super::AuthPlan::Path { .. }
        | super::AuthPlan::Query { .. }
        | super::AuthPlan::Body { .. }
        | super::AuthPlan::Signature(_) => None,
    });
    let auth: Vec<&str> = auth.collect();
    for (name, _) in &plan.http.headers {
        if auth.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let at = format!("/http/headers/{name}");
            compiler.error(Code::HeaderTwice, &at, format!("`{name}` is sent twice"), "`http.auth` sends it too");
        }
    }
}

/// A row that can never be reached, since an earlier one takes all it would match.
fn answers(compiler: &mut Compiler, plan: &Plan) {
    for (i, row) in plan.answers.iter().enumerate() {
        let covers = |earlier: &&AnswerPlan| {
            let statuses = earlier.status.is_empty()
                || !row.status.is_empty() && row.status.iter().all(|status| earlier.status.contains(status));
            statuses && earlier.body.is_none() && earlier.header.is_none()
        };
        if let Some(earlier) = plan.answers[..i].iter().position(|earlier| covers(&earlier)) {
            let first = compiler.span(&format!("/answers/{earlier}"));
            let found =
                compiler.error(Code::AnswerHidden, &format!("/answers/{i}"), "this row is never reached", "hidden");
            *found = found.clone().also(first, "this row takes all it would match");
        }
    }
}

fn window(compiler: &mut Compiler, plan: &Plan) {
    let Some(window) = &plan.window else { return };
    let names_it = |text: &&Template| text.parts().iter().any(|part| matches!(part, Part::Window(_)));
    let is_asked = |lookup: &LookupPlan| {
        lookup.query.iter().chain(&lookup.form).any(|(_, value)| !matches!(value, QueryPlan::Text(_)))
            || texts(lookup).any(|text| names_it(&text))
    };
    if window.filter.is_none() && !plan.lookups.iter().any(is_asked) {
        let label = "no request names it, and it has no `filter`";
        compiler.error(Code::WindowUnused, "/window", "the window has no effect", label).notes.push(
            "ask for it with `{ from: window.start, format: … }` in a `query`, with `{window.start:…}` elsewhere, or add `filter: time_last`".into(),
        );
    }
    if let super::ValueOrSetting::Value(span) = &window.last
        && exact(*span).is_some_and(|length| length == SignedDuration::ZERO)
    {
        compiler.error(Code::DurationZero, "/window/last", "a window is over some time", "no time at all");
    }
    if let Some(filter) = window.filter {
        time_field(compiler, plan, filter, "/window/filter");
    }
}

fn time_field(compiler: &mut Compiler, plan: &Plan, field: TimeField, pointer: &str) {
    let name = field.to_string();
    if !plan.record.fields.iter().any(|field| field.name == name) {
        compiler.error(Code::FieldMissing, pointer, format!("no field is called `{name}`"), "it is used here");
    }
}

fn lookup(compiler: &mut Compiler, lookup: &LookupPlan) {
    let at = format!("/lookups/{}", lookup.name);
    let names = |wanted: &Part| texts(lookup).any(|text| text.parts().contains(wanted));
    if ![Part::ObservableValue, Part::ObservableExpanded, Part::ObservableReverse].iter().any(names) {
        let label = "neither path, query, headers nor body hold `{observable.value}`";
        compiler.error(Code::ObservableUnused, &at, "this request asks about nothing", label);
    }
    // A list of one is a word for the records of this lookup.
    if lookup.for_each.len() > 1 && !names(&Part::Each) {
        let label = "nothing holds `{each}`";
        compiler.error(Code::EachUnused, &format!("{at}/for_each"), "every one of these requests is the same", label);
    }
    if let Some(poll) = lookup.job.as_ref().and_then(|job| job.poll.as_ref())
        && !poll.parts().contains(&Part::Local(Local::Job))
    {
        let label = "it does not hold `{job}`";
        compiler.error(Code::JobNotAsked, &format!("{at}/job/poll"), "this asks about no job", label);
    }
    twice(compiler, lookup.for_each.iter().map(String::as_str), &format!("{at}/for_each"));
    twice(compiler, lookup.accepts.iter().map(|kind| kind.stix_type()), &format!("{at}/accepts"));
    for parameter in page_parameters(&lookup.paging) {
        if lookup.query.iter().any(|(name, _)| name == parameter) {
            let place = compiler.span(&format!("{at}/query/{parameter}"));
            let message = format!("the parameter `{parameter}` is sent twice");
            let found = compiler.error(Code::ParameterTwice, &format!("{at}/paging"), message, "paging sends it");
            *found = found.clone().also(place, "and so does the query");
        }
    }
}

/// Credentials that stand in a body need one.
fn credentials(compiler: &mut Compiler, plan: &Plan, lookup: &LookupPlan) {
    let in_body = plan.http.auth.iter().any(|auth| matches!(auth, super::AuthPlan::Body { .. }));
    if in_body && lookup.body.is_none() && lookup.form.is_empty() {
        let at = format!("/lookups/{}", lookup.name);
        let label = "it has neither `body` nor `form`";
        compiler.error(Code::BodyParameter, &at, "the credentials stand in a body", label);
    }
}

/// Every text of a lookup's first request.
fn texts(lookup: &LookupPlan) -> impl Iterator<Item = &Template> {
    let query = lookup.query.iter().chain(&lookup.form).filter_map(|(_, value)| match value {
        QueryPlan::Text(text) => Some(text),
        QueryPlan::Time(..) | QueryPlan::Distance(..) => None,
    });
    let body = lookup.body.iter().flat_map(super::BodyPlan::texts);
    [&lookup.path].into_iter().chain(query).chain(lookup.headers.iter().map(|(_, text)| text)).chain(body)
}

/// The parameters of the query that paging sends.
fn page_parameters(paging: &PagingPlan) -> Vec<&str> {
    let sent: Vec<&Parameter> = match paging {
        PagingPlan::None { .. } | PagingPlan::NextUrl { .. } => vec![],
        PagingPlan::Page { parameter, .. } => vec![parameter],
        PagingPlan::Offset { parameter, limit, .. } => {
            [parameter].into_iter().chain(limit.as_ref().map(|(parameter, _)| parameter)).collect()
        }
        PagingPlan::Cursor { to: CursorTarget::Parameter(parameter), .. } => vec![parameter],
        PagingPlan::Cursor { .. } => vec![],
    };
    let in_query = |parameter: &&'_ Parameter| matches!(parameter, Parameter::Query(_));
    sent.into_iter().filter(in_query).map(Parameter::as_str).collect()
}

fn twice<'w>(compiler: &mut Compiler, words: impl Iterator<Item = &'w str>, at: &str) {
    let mut seen = BTreeSet::new();
    for (i, word) in words.enumerate() {
        if !seen.insert(word) {
            compiler.error(Code::ValueTwice, &format!("{at}/{i}"), format!("`{word}` stands here twice"), "again here");
        }
    }
}

fn fields(compiler: &mut Compiler, plan: &Plan) {
    let read = read_names(plan);
    for field in &plan.record.fields {
        let at = format!("/record/fields/{}", field.name);
        if !KNOWN_FIELDS.contains(&field.name.as_str()) && !read.contains(field.name.as_str()) {
            let message = format!("nothing reads the field `{}`", field.name);
            compiler.warning(Code::FieldUnused, &at, message, "read from every row for nothing");
        }
        aliases(compiler, field, &at);
    }
}

/// The fields that conditions, texts and orientation read.
fn read_names(plan: &Plan) -> BTreeSet<&str> {
    let mut read: BTreeSet<&str> = BTreeSet::new();
    for row in &plan.record.orientation {
        read.extend(row.when.iter().flat_map(Condition::reads).map(String::as_str));
        for operand in [row.rrname, row.rdata] {
            if let super::Operand::Field(index) = operand {
                read.insert(&plan.record.fields[index].name);
            }
        }
    }
    read.extend(plan.besides.iter().map(|row| plan.record.fields[row.field].name.as_str()));
    read.extend(plan.besides.iter().flat_map(|row| &row.description).flat_map(Prose::reads).map(String::as_str));
    for field in &plan.record.fields {
        if let Some(super::Operand::Field(end)) = field.relative_to {
            read.insert(&plan.record.fields[end].name);
        }
    }
    read.extend(plan.relationship.description.iter().flat_map(Prose::reads).map(String::as_str));
    for rule in &plan.rules.rules {
        read.extend(rule.when.iter().flat_map(Condition::reads).map(String::as_str));
        if let RuleThen::Relate { description: Some(text), .. } = &rule.then {
            read.extend(text.reads().iter().map(String::as_str));
        }
    }
    read
}

fn aliases(compiler: &mut Compiler, field: &FieldPlan, at: &str) {
    for (word, meaning) in &field.aliases {
        let pointer = format!("{at}/aliases/{}", word.replace('~', "~0").replace('/', "~1"));
        if !matches!(field.kind, FieldType::Rrtype | FieldType::String | FieldType::Tlp) {
            let label = format!("this is {}", field.kind.wanted());
            compiler.error(Code::FieldType, &pointer, "aliases are for record types, TLP levels and text", label);
        } else if field.kind == FieldType::Tlp && Tlp::parse(meaning).is_none() {
            let message = format!("`{meaning}` is no TLP level");
            compiler.error(Code::WrongForm, &pointer, message, "not read as one");
        } else if field.kind == FieldType::Rrtype && crate::dns::RrType::parse(meaning).is_err() {
            let message = format!("`{meaning}` is no DNS record type");
            compiler.error(Code::UnknownRrtype, &pointer, message, "not in the registry");
        }
    }
}

/// A rule that asks what an earlier one has answered.
fn rules(compiler: &mut Compiler, plan: &Plan) {
    for (i, rule) in plan.rules.rules.iter().enumerate() {
        let RuleThen::Relate { source, target, .. } = &rule.then else { continue };
        // A profile's own rows may stand before a pack's.
        if rule.pack.is_some() {
            continue;
        }
        let takes_all = |earlier: &super::RulePlan| {
            let ends = match &earlier.then {
                RuleThen::Drop(_) => true,
                RuleThen::Relate { source: from, target: to, .. } => from == source && to == target,
            };
            let types = earlier.rrtypes.is_empty()
                || !rule.rrtypes.is_empty() && rule.rrtypes.iter().all(|rrtype| earlier.rrtypes.contains(rrtype));
            ends && types && earlier.when.is_none()
        };
        // The catch-all is told where it stands too early.
        let is_catch_all =
            |earlier: &super::RulePlan| matches!(earlier.then, RuleThen::Drop(_)) && earlier.rrtypes.is_empty();
        let earlier = plan.rules.rules[..i].iter().position(|earlier| takes_all(earlier) && !is_catch_all(earlier));
        if let Some(earlier) = earlier {
            let first = compiler.span(&format!("/rules/{earlier}"));
            let found =
                compiler.error(Code::RuleHidden, &format!("/rules/{i}"), "this rule is never reached", "hidden");
            *found = found.clone().also(first, "this rule takes all it would match");
        }
    }
}

fn relationship(compiler: &mut Compiler, plan: &Plan) {
    for (key, field) in [("start_time", plan.relationship.start_time), ("stop_time", plan.relationship.stop_time)] {
        if let Some(field) = field {
            time_field(compiler, plan, field, &format!("/relationship/{key}"));
        }
    }
    if plan.relationship.policy.start_in_id && plan.relationship.start_time.is_none() {
        let label = "relationships have no `start_time`";
        compiler.error(
            Code::IdWithoutTime,
            "/relationship/id_includes",
            "the id cannot hold a time that is not there",
            label,
        );
    }
}
