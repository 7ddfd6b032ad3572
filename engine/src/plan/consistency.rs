//! Consistency of a profile's parts: unused, unreachable and contradictory ones. Each part alone is validated where it
//! is compiled.

use super::compiler::Compiler;
use super::parts::Parts;
use super::reserved::{owner, variable};
use super::template::{Local, Part, Template};
use super::{
    AnswerPlan, AuthPlan, BASE_URL, CursorTarget, HttpPlan, LookupPlan, PagingPlan, Parameter, QueryPlan, RulePlan,
    RuleThen, TokenCarrier, ValueOrSetting, WindowPlan, credentials, effect, exact, fields, lookups, places,
};
use crate::diagnostic::{Code, Fix, Severity};
use crate::dns::RrType;
use crate::profile::{
    Framing, OtherNames, Profile, RelationshipBlock, RepeatsWord, SettingType, TimeField, WindowPoint,
};
use crate::stix::ObservableType;
use crate::yaml::child;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(compiler: &mut Compiler, profile: &Profile, parts: &Parts) {
    deprecated_fields(compiler);
    settings(compiler, profile);
    variables(compiler, profile);
    credentials::check(compiler, profile, parts.http.as_ref());
    http(compiler, parts);
    answers(compiler, &parts.answers);
    window(compiler, profile, parts);
    for lookup in parts.lookups.iter().flatten() {
        self::lookup(compiler, lookup, parts.http.as_ref());
    }
    unused_accepts(compiler, profile, parts);
    fields::check(compiler, profile);
    places::fields(compiler, profile, &parts.lookups);
    rules(compiler, &parts.rules);
    relationship(compiler, profile);
    effect::check(compiler, profile);
}

fn settings(compiler: &mut Compiler, profile: &Profile) {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for (name, setting) in &profile.settings {
        let at = child("/settings", name);
        let own = [(name.as_str(), at.clone())];
        let others = setting.also.iter().enumerate().map(|(i, also)| (also.as_str(), format!("{at}/also/{i}")));
        for (word, pointer) in own.into_iter().chain(others) {
            setting_name(compiler, word, &pointer);
            if let Some(other) = names.insert(word, pointer.clone()) {
                duplicate_name(compiler, &format!("duplicate setting name `{word}`"), &other, &pointer);
            }
        }
        if setting.kind == SettingType::Secret && setting.default.is_some() {
            let label = "readable by everyone with the profile";
            compiler.error(Code::SecretDefault, &format!("{at}/default"), "a secret must not have a default", label);
        }
        if setting.required && setting.default.is_some() {
            let label = "the default always applies";
            compiler.warning(
                Code::DefaultOfRequired,
                &format!("{at}/default"),
                "a setting with a default cannot be required",
                label,
            );
        }
        if !compiler.uses_setting(name) && name != BASE_URL && !compiler.suggests(name) {
            let message = format!("unused setting `{name}`");
            compiler.error_at_key(Code::SettingUnused, &at, message, "declared here").severity = Severity::Warning;
        }
    }
    file_variables(compiler, &names);
}

/// Warns of a field that has a newer name. The fix is the new name, unless it is used too.
fn deprecated_fields(compiler: &mut Compiler) {
    if !compiler.is_written("/besides") {
        return;
    }
    let fix = Fix { span: compiler.key_span("/besides"), replacement: "also_relate".to_owned() };
    let is_sure = !compiler.is_written("/also_relate");
    let message = "deprecated field `besides`";
    let found =
        compiler.error_at_key(Code::DeprecatedField, "/besides", message.to_owned(), "renamed to `also_relate`");
    found.severity = Severity::Warning;
    found.fix = is_sure.then_some(fix);
}

/// Validates that no environment variable of the profile belongs to another program, by the id alone or by id and
/// setting name together.
fn variables(compiler: &mut Compiler, profile: &Profile) {
    if let Some(owner) = owner(&profile.id) {
        let message = format!("environment variables of `{}` belong to another program", profile.id);
        let found = compiler.error(Code::ReservedVariable, "/id", message, format!("`{owner}` is reserved"));
        found.notes.push("values of a profile's variables are sent to its provider".into());
        return;
    }
    for (name, setting) in &profile.settings {
        let at = child("/settings", name);
        let names = std::iter::once(name).chain(&setting.also).map(|name| variable(&profile.id, name));
        for (variable, owner) in names.filter_map(|variable| owner(&variable).map(|owner| (variable, owner))) {
            let message = format!("the environment variable `{variable}` belongs to another program");
            let label = format!("`{owner}` is reserved");
            compiler.error_at_key(Code::ReservedVariable, &at, message, label);
        }
    }
}

/// Validates setting names that end in `_FILE`: such a variable names the file with another setting's value.
fn file_variables(compiler: &mut Compiler, names: &BTreeMap<&str, String>) {
    for (word, pointer) in names {
        let Some((held, other)) = word.strip_suffix("_file").and_then(|held| names.get_key_value(held)) else {
            continue;
        };
        let message = format!("the environment variable of `{word}` is for a file with the value of `{held}`");
        duplicate_name(compiler, &message, other, pointer);
    }
}

fn duplicate_name(compiler: &mut Compiler, message: &str, one: &str, other: &str) {
    let is_in_order = compiler.key_span(one).start < compiler.key_span(other).start;
    let (first, again) = if is_in_order { (one, other) } else { (other, one) };
    let first = compiler.key_span(first);
    let found = compiler.error_at_key(Code::SettingNameTwice, again, message.to_owned(), "repeated here");
    *found = found.clone().also(first, "first used here");
}

fn setting_name(compiler: &mut Compiler, name: &str, pointer: &str) {
    let is_word = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_word || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        let label = "expected lower-case letters, digits and `_`";
        compiler.error_at_key(Code::SettingName, pointer, format!("invalid setting name `{name}`"), label);
    }
}

fn http(compiler: &mut Compiler, parts: &Parts) {
    if let Some(rates) = parts.quota.as_ref().map(|quota| &quota.rates)
        && rates.iter().any(|rate| rate.per <= SignedDuration::ZERO)
    {
        compiler.error(Code::DurationZero, "/quota/rate", "the period of a rate must not be zero", "zero");
    }
    let Some(http) = &parts.http else { return };
    if http.timeout <= SignedDuration::ZERO {
        compiler.error(Code::DurationZero, "/http/timeout", "the timeout must not be zero", "zero");
    }
    if http.retry.first > http.retry.longest {
        let longest = compiler.span("/http/retry/longest");
        let message = "the first wait exceeds the longest";
        let found = compiler.error(Code::RetryOrder, "/http/retry/first", message, "first wait");
        *found = found.clone().also(longest, "longest wait");
    }
    let mut sent: Vec<&str> = auth_headers(&http.auth);
    for name in repeated(&sent) {
        let message = format!("duplicate header `{name}`");
        compiler.error(Code::HeaderTwice, "/http/auth", message, "sent by two authentication methods");
    }
    for (name, _) in &http.headers {
        duplicate_header(compiler, name, &sent, "/http/headers", "also sent by `http.auth` or another entry");
        sent.push(name);
    }
}

/// Header names are case-insensitive (RFC 9110 §5.1).
fn duplicate_header(compiler: &mut Compiler, name: &str, sent: &[&str], at: &str, label: &str) {
    if sent.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        compiler.error_at_key(Code::HeaderTwice, &child(at, name), format!("duplicate header `{name}`"), label);
    }
}

/// Returns the names that occur repeatedly.
fn repeated<'n>(names: &[&'n str]) -> Vec<&'n str> {
    let is_again = |(i, name): &(usize, &&str)| names[..*i].iter().any(|known| known.eq_ignore_ascii_case(name));
    names.iter().enumerate().filter(is_again).map(|(_, name)| *name).collect()
}

fn auth_headers(auth: &[AuthPlan]) -> Vec<&str> {
    auth.iter()
        .flat_map(|auth| match auth {
            AuthPlan::Header { name, .. } => vec![name.as_str()],
            AuthPlan::Basic(_) => vec!["Authorization"],
            AuthPlan::Token(token) => match &token.carrier {
                TokenCarrier::Header(name) => vec![name.as_str()],
                TokenCarrier::Query(_) => vec![],
            },
            AuthPlan::Signature(signature) => signature.headers.iter().map(|(name, _)| name.as_str()).collect(),
            AuthPlan::Path { .. } | AuthPlan::Query { .. } | AuthPlan::Body { .. } => vec![],
        })
        .collect()
}

fn auth_parameters(auth: &[AuthPlan]) -> Vec<&str> {
    auth.iter()
        .flat_map(|auth| match auth {
            AuthPlan::Query { parameter, .. } => vec![parameter.as_str()],
            AuthPlan::Token(token) => match &token.carrier {
                TokenCarrier::Query(name) => vec![name.as_str()],
                TokenCarrier::Header(_) => vec![],
            },
            AuthPlan::Signature(signature) => signature.query.iter().map(|(name, _)| name.as_str()).collect(),
            _ => vec![],
        })
        .collect()
}

/// Reports rows, or status codes of a row, that are unreachable because an earlier row matches all of their responses.
fn answers(compiler: &mut Compiler, rows: &[Option<AnswerPlan>]) {
    for (i, row) in rows.iter().enumerate() {
        let Some(row) = row else { continue };
        let earlier = |status: Option<u16>| {
            rows[..i]
                .iter()
                .position(|earlier| earlier.as_ref().is_some_and(|earlier| matches_all(earlier, row, status)))
        };
        let at = format!("/answers/{i}");
        let by: Vec<Option<usize>> = match row.status[..] {
            [] => vec![earlier(None)],
            _ => row.status.iter().map(|status| earlier(Some(*status))).collect(),
        };
        match by.iter().position(Option::is_none) {
            None => unreachable_answer(compiler, &at, by[0], "unreachable row", "unreachable"),
            Some(_) => {
                for (n, (status, earlier)) in row.status.iter().zip(by).enumerate() {
                    let message = format!("unreachable for status {status}");
                    unreachable_answer(compiler, &format!("{at}/status/{n}"), earlier, &message, "unreachable");
                }
            }
        }
    }
}

/// Returns whether an earlier row matches every response of this status that a row would match.
fn matches_all(earlier: &AnswerPlan, row: &AnswerPlan, status: Option<u16>) -> bool {
    let has_status = earlier.status.is_empty() || status.is_some_and(|status| earlier.status.contains(&status));
    let has_body = earlier.body.is_none() || earlier.body == row.body;
    let has_header = earlier.header.is_none() || earlier.header == row.header;
    has_status && has_body && has_header
}

fn unreachable_answer(compiler: &mut Compiler, at: &str, earlier: Option<usize>, message: &str, label: &str) {
    let Some(earlier) = earlier else { return };
    let first = compiler.span(&format!("/answers/{earlier}"));
    let found = compiler.error(Code::AnswerHidden, at, message, label);
    *found = found.clone().also(first, "this row matches the same responses");
}

fn window(compiler: &mut Compiler, profile: &Profile, parts: &Parts) {
    let Some(window) = &profile.window else { return };
    let starts = |value: &QueryPlan| {
        matches!(value, QueryPlan::Time(WindowPoint::Start, _) | QueryPlan::Distance(WindowPoint::Start, _))
    };
    let names_start = |text: &Template| {
        text.parts().iter().any(|part| matches!(part, Part::Window(end) if end.point == WindowPoint::Start))
    };
    // A lookup that could not be compiled may use the window.
    let may_ask = |lookup: &Option<LookupPlan>| {
        lookup.as_ref().is_none_or(|lookup| {
            lookup.query.iter().chain(&lookup.form).any(|(_, value)| starts(value)) || lookup.texts().any(names_start)
        })
    };
    if window.filter.is_none() && !parts.lookups.iter().any(may_ask) {
        let label = "no request contains its start, and there is no `filter`";
        compiler.error(Code::WindowUnused, "/window", "the window has no effect", label).notes.push(
            "send `{ from: window.start, format: … }` in `query` or `{window.start:…}` elsewhere; or add `filter: time_last`".into(),
        );
    }
    if let Some(Some(WindowPlan { last: ValueOrSetting::Value(span), .. })) = &parts.window
        && exact(*span).is_some_and(|length| length == SignedDuration::ZERO)
    {
        compiler.error(Code::DurationZero, "/window/last", "the window must not be zero", "zero");
    }
    if let Some(filter) = window.filter {
        time_field(compiler, profile, filter, "/window/filter");
    }
}

fn time_field(compiler: &mut Compiler, profile: &Profile, field: TimeField, pointer: &str) {
    let name = field.to_string();
    if !profile.record.fields.contains_key(&name) {
        compiler.error(Code::FieldMissing, pointer, format!("unknown field `{name}`"), "unknown field");
    }
}

fn lookup(compiler: &mut Compiler, lookup: &LookupPlan, http: Option<&HttpPlan>) {
    let at = lookups::at(&lookup.name);
    let names = |wanted: &Part| lookup.texts().any(|text| text.parts().contains(wanted));
    if ![Part::ObservableValue, Part::ObservableExpanded, Part::ObservableReverse].iter().any(names) {
        let label = "no `{observable.value}` in path, query, headers or body";
        compiler.error(Code::ObservableUnused, &at, "the request does not contain the observable", label);
    }
    // A list of one value labels the records of this lookup.
    if lookup.for_each.len() > 1 && !names(&Part::Each) {
        let label = "no `{each}` in the request";
        compiler.error(Code::EachUnused, &format!("{at}/for_each"), "`for_each` repeats the same request", label);
    }
    if let Some(poll) = lookup.job.as_ref().and_then(|job| job.poll.as_ref())
        && !poll.parts().contains(&Part::Local(Local::Job))
    {
        let label = "no `{job}` in the path";
        compiler.error(
            Code::JobNotAsked,
            &format!("{at}/job/poll"),
            "the polling request does not contain the job",
            label,
        );
    }
    duplicates(compiler, lookup.for_each.iter().map(String::as_str), &format!("{at}/for_each"));
    duplicates(compiler, lookup.accepts.iter().map(|kind| kind.stix_type()), &format!("{at}/accepts"));
    places::lookup(compiler, lookup, &at);
    job_paging(compiler, lookup, &at);
    window_parts(compiler, lookup, &at);
    duplicate_parameters(compiler, lookup, http, &at);
    credentials(compiler, lookup, http, &at);
}

/// The pages of a job's result are requested without a body.
fn job_paging(compiler: &mut Compiler, lookup: &LookupPlan, at: &str) {
    let sent = match &lookup.paging {
        PagingPlan::Page { parameter, .. } | PagingPlan::Offset { parameter, .. } => Some(parameter),
        PagingPlan::Cursor { to: CursorTarget::Parameter(parameter), .. } => Some(parameter),
        _ => None,
    };
    if lookup.job.is_some() && matches!(sent, Some(Parameter::Body(_))) {
        let label = "the result of a job is requested with `GET`";
        let message = "invalid position: the request has no body";
        compiler.error(Code::BodyParameter, &format!("{at}/paging/parameter"), message, label);
    }
}

/// Validates paging by window: the request contains both bounds, each as precise as the smallest part, and a response
/// can indicate that it is full.
fn window_parts(compiler: &mut Compiler, lookup: &LookupPlan, at: &str) {
    let PagingPlan::Window { cap, total, open_end, .. } = &lookup.paging else { return };
    let at = &format!("{at}/paging");
    let ends = lookup.window_ends();
    let has = |wanted: WindowPoint| ends.iter().any(|(point, _)| *point == wanted);
    let ends_in_texts = lookup.texts().flat_map(Template::parts);
    let is_fixed =
        ends_in_texts.into_iter().any(|part| matches!(part, Part::Window(end) if end.point == WindowPoint::End));
    let says_full =
        cap.is_some() || total.is_some() || lookup.truncated_when.is_some() || lookup.rows.framing == Framing::Saf;
    let mistake = if !has(WindowPoint::Start) || !has(WindowPoint::End) {
        Some(("paging by window requires both bounds", "no request contains both `window.start` and `window.end`"))
    } else if !says_full {
        Some(("paging by window requires a sign of full responses", "missing `cap`, `total` or `total_header`"))
    } else if lookup.job.is_some() {
        Some(("a job cannot be combined with paging by window", "each part would need a job of its own"))
    } else if *open_end && is_fixed {
        Some((
            "`open_end` requires `window.end` in a parameter",
            "`window.end` is part of a text, which cannot be omitted",
        ))
    } else if !*open_end && ends.iter().any(|(point, form)| *point == WindowPoint::End && form.is_distance()) {
        // A distance cannot express a time after now, so that an exclusive end would lose the newest records.
        Some((
            "the end of a window as a distance requires `open_end`",
            "use a time format for `window.end`, or `open_end: true`",
        ))
    } else {
        None
    };
    if let Some((message, label)) = mistake {
        compiler.error(Code::WindowParts, at, message, label);
    }
}

/// Reports credentials in the body if the request has no body.
fn credentials(compiler: &mut Compiler, lookup: &LookupPlan, http: Option<&HttpPlan>, at: &str) {
    let in_body = http.is_some_and(|http| http.auth.iter().any(|auth| matches!(auth, AuthPlan::Body { .. })));
    if in_body && lookup.body.is_none() && lookup.form.is_empty() {
        let label = "neither `body` nor `form`";
        compiler.error(Code::BodyParameter, at, "missing request body for the credentials", label);
    }
}

/// Reports parameters and headers that both the lookup and paging or `http` send.
fn duplicate_parameters(compiler: &mut Compiler, lookup: &LookupPlan, http: Option<&HttpPlan>, at: &str) {
    for parameter in page_parameters(&lookup.paging) {
        if lookup.query.iter().any(|(name, _)| name == parameter) {
            let place = compiler.span(&child(&format!("{at}/query"), parameter));
            let message = format!("duplicate parameter `{parameter}`");
            let found = compiler.error(Code::ParameterTwice, &format!("{at}/paging"), message, "sent by paging");
            *found = found.clone().also(place, "also sent by the query");
        }
    }
    let Some(http) = http else { return };
    for name in auth_parameters(&http.auth) {
        if lookup.query.iter().any(|(known, _)| known == name) {
            let message = format!("duplicate parameter `{name}`");
            let at = child(&format!("{at}/query"), name);
            compiler.error(Code::ParameterTwice, &at, message, "also sent by `http.auth`");
        }
    }
    let mut sent = auth_headers(&http.auth);
    sent.extend(http.headers.iter().map(|(name, _)| name.as_str()));
    for (name, _) in &lookup.headers {
        duplicate_header(compiler, name, &sent, &format!("{at}/headers"), "also sent by every request of the profile");
        sent.push(name);
    }
}

/// Returns the query parameters that paging sends.
fn page_parameters(paging: &PagingPlan) -> Vec<&str> {
    let sent: Vec<&Parameter> = match paging {
        PagingPlan::None { .. } | PagingPlan::NextUrl { .. } | PagingPlan::Window { .. } => vec![],
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

/// Warns of an accepted observable type that no rule mentions: all of its records would be dropped.
fn unused_accepts(compiler: &mut Compiler, profile: &Profile, parts: &Parts) {
    let lacks_rules = parts.rules.iter().any(Option::is_none) || compiler.has(Code::UnknownPack);
    if profile.record.other_names == OtherNames::Keep || lacks_rules {
        return;
    }
    let ends = parts.rules.iter().flatten().filter_map(|rule| match rule.then {
        RuleThen::Relate { source, target, .. } => Some([source, target]),
        RuleThen::Drop(_) => None,
    });
    let ends: BTreeSet<ObservableType> = ends.flatten().collect();
    // A hostname observable is also matched as the domain name of the same value.
    let is_end =
        |kind| ends.contains(&kind) || kind == ObservableType::Hostname && ends.contains(&ObservableType::DomainName);
    for (name, lookup) in &profile.lookups {
        for (i, kind) in lookup.accepts.iter().enumerate().filter(|(_, kind)| !is_end(**kind)) {
            let at = format!("{}/accepts/{i}", lookups::at(name));
            let message = format!("no rule creates a relationship for {kind}");
            compiler.warning(Code::AcceptedInVain, &at, message, "every record would be dropped");
        }
    }
}

fn duplicates<'w>(compiler: &mut Compiler, words: impl Iterator<Item = &'w str>, at: &str) {
    let mut seen = BTreeSet::new();
    for (i, word) in words.enumerate() {
        if !seen.insert(word) {
            compiler.error(
                Code::ValueTwice,
                &format!("{at}/{i}"),
                format!("duplicate value `{word}`"),
                "repeated here",
            );
        }
    }
}

/// Reports rules, or record types of rules, that are unreachable because of earlier ones.
fn rules(compiler: &mut Compiler, rules: &[Option<RulePlan>]) {
    for (i, rule) in rules.iter().enumerate() {
        let Some(rule) = rule else { continue };
        // Rules of a profile may precede those of a pack; a premature catch-all has its own diagnostic.
        if rule.pack.is_some() || is_catch_all(rule) {
            continue;
        }
        let earlier = |rrtype: Option<RrType>| {
            let before = rules[..i].iter().flatten();
            before.filter(|earlier| !is_catch_all(earlier)).find(|earlier| matches_all_of(earlier, rule, rrtype))
        };
        if rule.rrtypes.is_empty() {
            unreachable_rule(compiler, &rule.at, earlier(None), "unreachable rule");
            continue;
        }
        let by: Vec<Option<&RulePlan>> = rule.rrtypes.iter().map(|rrtype| earlier(Some(*rrtype))).collect();
        if by.iter().all(Option::is_some) {
            unreachable_rule(compiler, &rule.at, by[0], "unreachable rule");
            continue;
        }
        for (n, (earlier, rrtype)) in by.into_iter().zip(&rule.rrtypes).enumerate() {
            let message = format!("unreachable rule for {rrtype} records");
            unreachable_rule(compiler, &format!("{}/rrtype/{n}", rule.at), earlier, &message);
        }
    }
}

fn is_catch_all(rule: &RulePlan) -> bool {
    matches!(rule.then, RuleThen::Drop(_)) && rule.rrtypes.is_empty() && rule.when.is_none()
}

/// Returns whether an earlier rule matches every record of this type, or of any type, that a rule would match.
fn matches_all_of(earlier: &RulePlan, rule: &RulePlan, rrtype: Option<RrType>) -> bool {
    let has_ends = match (&earlier.then, &rule.then) {
        (RuleThen::Drop(_), _) => true,
        (RuleThen::Relate { source, target, .. }, RuleThen::Relate { source: from, target: to, .. }) => {
            source == from && target == to
        }
        (RuleThen::Relate { .. }, RuleThen::Drop(_)) => false,
    };
    let has_type = earlier.rrtypes.is_empty() || rrtype.is_some_and(|rrtype| earlier.rrtypes.contains(&rrtype));
    let text = |rule: &RulePlan| rule.when.as_ref().map(|when| when.text().to_owned());
    has_ends && has_type && (earlier.when.is_none() || text(earlier) == text(rule))
}

fn unreachable_rule(compiler: &mut Compiler, at: &str, earlier: Option<&RulePlan>, message: &str) {
    let Some(earlier) = earlier else { return };
    let first = compiler.span(&earlier.at);
    let found = compiler.error(Code::RuleHidden, at, message, "unreachable");
    *found = found.clone().also(first, "this rule matches the same records");
}

fn relationship(compiler: &mut Compiler, profile: &Profile) {
    let block = &profile.relationship;
    for (key, field) in [("start_time", block.start_time), ("stop_time", block.stop_time)] {
        if let Some(field) = field {
            time_field(compiler, profile, field, &format!("/relationship/{key}"));
        }
    }
    if (block.start_time, block.stop_time) == (Some(TimeField::TimeLast), Some(TimeField::TimeFirst)) {
        let label = "`time_last` is the start";
        let message = "the stop time is before the start time";
        compiler.error(Code::TimesSwapped, "/relationship/stop_time", message, label);
    }
    if !block.id_includes.is_empty() && block.start_time.is_none() {
        let label = "`relationship` has no `start_time`";
        let message = "the id cannot include a missing start time";
        compiler.error(Code::IdWithoutTime, "/relationship/id_includes", message, label);
    }
    repeats(compiler, block);
    if profile.tlp.results.unmarked_records.is_some() && !profile.record.fields.contains_key("tlp") {
        let at = "/tlp/results/unmarked_records";
        let label = "only for records with a marking of their own";
        compiler.error(Code::FieldMissing, at, "missing field `tlp`", label);
    }
}

/// Reports keys that have no effect with the chosen `repeats`.
fn repeats(compiler: &mut Compiler, block: &RelationshipBlock) {
    if block.gap.is_some() {
        let (at, message) = ("/relationship/gap", "`gap` has no effect");
        if block.repeats != RepeatsWord::Gap {
            compiler.error(Code::RepeatsKey, at, message, "only with `repeats: gap`");
        } else if block.start_time.is_none() {
            compiler.error(Code::RepeatsKey, at, message, "`relationship` has no `start_time`");
        }
    }
    if !block.id_includes.is_empty() && block.start_time.is_some() && block.repeats != RepeatsWord::Widen {
        let label = "the start time is always part of the id, except with `repeats: widen`";
        compiler.warning(Code::RepeatsKey, "/relationship/id_includes", "`id_includes` has no effect", label);
    }
}
