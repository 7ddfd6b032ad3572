//! Keys without effect: they change neither requests, nor records, nor the outcome, so the author's intent would be
//! lost. Parts that nothing uses are reported elsewhere.

use super::compiler::Compiler;
use super::time::TimeFormat;
use super::window_text::Distance;
use crate::diagnostic::Code;
use crate::profile::{
    Answer, Auth, Field, FieldSource, Lookup, Meaning, OneOrMany, Profile, QueryValue, RepeatsWord, TemplateText,
};
use crate::stix::Tlp;
use crate::yaml::child;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn check(compiler: &mut Compiler, profile: &Profile) {
    empty(compiler);
    let several = profile.http.auth.iter().count() > 1;
    for (at, auth) in profile.http.auth.iter() {
        let at = format!("/http/auth{at}");
        if several && matches!(auth, Auth::None {}) {
            compiler.error(Code::NoEffect, &at, "`none` has no effect", "other authentication methods are given");
        }
        self::auth(compiler, auth, &at);
    }
    if profile.http.retry.attempts == 1 {
        let label = "no retries with `attempts: 1`";
        no_effect(compiler, "/http/retry", "first", label);
    }
    if let Some(reset) = profile.quota.as_ref().and_then(|quota| quota.probe.as_ref()?.reset.as_ref()) {
        zone(compiler, reset.format.iter(), reset.zone.as_ref(), "/quota/probe/reset");
    }
    profile.answers.iter().enumerate().for_each(|(i, row)| answer(compiler, row, &format!("/answers/{i}")));
    for (name, lookup) in &profile.lookups {
        self::lookup(compiler, profile, lookup, &child("/lookups", name));
    }
    for (name, field) in &profile.record.fields {
        self::field(compiler, field, &child("/record/fields", name));
    }
    let markings = profile.record.fields.get("tlp");
    if markings.is_some_and(|field| !field.optional && field.from != FieldSource::Each) {
        let label = "a record without `tlp` is a bad record, unless the field is `optional`";
        no_effect(compiler, "/tlp/results", "unmarked_records", label);
    }
    let level = |text: &TemplateText| Tlp::parse(&text.0);
    let results = &profile.tlp.results;
    if let Some(unmarked) = results.unmarked_records.as_ref().and_then(level)
        && level(&results.at_least).is_some_and(|least| unmarked < least)
    {
        let label = "lower than `at_least`, which applies to every record";
        no_effect(compiler, "/tlp/results", "unmarked_records", label);
    }
    if profile.relationship.repeats == RepeatsWord::Separate && profile.relationship.start_time.is_none() {
        let label = "`relationship` has no `start_time`";
        no_effect(compiler, "/relationship", "repeats", label);
    }
}

/// Reports a key if it is present.
fn no_effect(compiler: &mut Compiler, block: &str, key: &str, label: &str) {
    let pointer = format!("{block}/{key}");
    if compiler.is_written(&pointer) {
        compiler.error_at_key(Code::NoEffect, &pointer, format!("`{key}` has no effect"), label);
    }
}

/// Reports empty lists, blocks and values; those in a JSON body are permitted.
fn empty(compiler: &mut Compiler) {
    fn collect(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Null => found.push(at.to_owned()),
            Value::Array(items) if items.is_empty() => found.push(at.to_owned()),
            Value::Object(entries) if entries.is_empty() => found.push(at.to_owned()),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| collect(item, &format!("{at}/{i}"), found));
            }
            Value::Object(entries) => {
                let read = entries.iter().filter(|(key, _)| *key != "body" || at.starts_with("/answers"));
                read.for_each(|(key, value)| collect(value, &child(at, key), found));
            }
            _ => {}
        }
    }
    let mut found = vec![];
    collect(compiler.value(), "", &mut found);
    // A profile without lookups is reported elsewhere.
    for pointer in found.iter().filter(|pointer| !["", "/lookups"].contains(&pointer.as_str())) {
        let key = pointer.rsplit('/').next().unwrap_or_default();
        let label = "empty";
        compiler.error_at_key(Code::NoEffect, pointer, format!("`{key}` has no effect"), label);
    }
}

fn auth(compiler: &mut Compiler, auth: &Auth, at: &str) {
    let holds = |text: &TemplateText, word: &str| text.0.contains(word);
    match auth {
        Auth::Login { value: Some(value), .. } if !holds(value, "{token}") => {
            let label = "no `{token}` in the value";
            compiler.error(Code::NoEffect, &format!("{at}/value"), "the token has no effect", label);
        }
        Auth::Signature { text, timestamp, query, headers, .. } => {
            let sent: Vec<&TemplateText> = query.values().chain(headers.values()).collect();
            if !sent.iter().any(|text| holds(text, "{signature}")) {
                let label = "no `{signature}` in `query` or `headers`";
                compiler.error(Code::NoEffect, at, "the signature has no effect", label);
            }
            if timestamp.is_some() && !sent.into_iter().chain([text]).any(|text| holds(text, "{timestamp}")) {
                no_effect(compiler, at, "timestamp", "no `{timestamp}` in the text or request");
            }
        }
        _ => {}
    }
}

fn answer(compiler: &mut Compiler, row: &Answer, at: &str) {
    if matches!(row.means, Meaning::Ok | Meaning::Empty) {
        no_effect(compiler, at, "message", "only errors have a message");
    }
    if !matches!(row.means, Meaning::Throttled | Meaning::Unavailable | Meaning::Quota) {
        no_effect(compiler, at, "retry_after", "no wait after such a response");
    }
}

fn lookup(compiler: &mut Compiler, profile: &Profile, lookup: &Lookup, at: &str) {
    let mut zones = |values: &BTreeMap<String, QueryValue>, key: &str| {
        for (name, value) in values {
            if let QueryValue::Time { format, zone: given, .. } = value {
                zone(compiler, std::iter::once(format), given.as_ref(), &child(&format!("{at}/{key}"), name));
            }
        }
    };
    zones(&lookup.query, "query");
    zones(&lookup.form, "form");
    if let Some(columns) = &lookup.columns
        && (columns.header || columns.at_most.is_some())
    {
        no_effect(
            compiler,
            &format!("{at}/columns"),
            "count",
            "`header` or `at_most` determines the number of columns",
        );
    }
    if let Some(job) = &lookup.job
        && [&job.pending, &job.failed, &job.done].iter().all(|states| states.is_empty())
    {
        no_effect(compiler, &format!("{at}/job"), "state", "requires `pending`, `failed` or `done`");
    }
    let is_read = || profile.record.fields.values().any(|field| field.from == FieldSource::Each);
    let states =
        lookup.job.iter().flat_map(|job| job.pending.iter().enumerate().map(move |(i, state)| (i, state, job)));
    for (i, ..) in states.filter(|(_, state, job)| job.failed.contains(state)) {
        let (at, label) = (format!("{at}/job/pending/{i}"), "also one of `failed`, which takes precedence");
        compiler.error(Code::NoEffect, &at, "this state of `pending` has no effect", label);
    }
    if lookup.for_each.len() == 1 && !names_each(lookup) && !is_read() {
        let label = "no `{each}` in the request, and no field has `from: each`";
        compiler.error(Code::EachUnused, &format!("{at}/for_each"), "`for_each` with one value is unused", label);
    }
}

/// Returns whether a request contains `{each}`.
fn names_each(lookup: &Lookup) -> bool {
    let values = lookup.query.values().chain(lookup.form.values()).filter_map(|value| match value {
        QueryValue::Text(text) => Some(text),
        QueryValue::Integer(_) | QueryValue::Time { .. } => None,
    });
    let is_it = |text: &TemplateText| text.0.contains("{each}");
    let body = lookup.body.as_ref().is_some_and(|body| format!("{body:?}").contains("{each}"));
    body || values.chain(lookup.headers.values()).chain([&lookup.path]).any(is_it)
}

fn field(compiler: &mut Compiler, field: &Field, at: &str) {
    zone(compiler, field.format.iter().flat_map(OneOrMany::iter).map(|(_, format)| format), field.zone.as_ref(), at);
    hidden_formats(compiler, field, at);
    if matches!(field.from, FieldSource::Constant | FieldSource::Observable) {
        no_effect(compiler, at, "optional", "the value is never absent");
    }
    if field.from == FieldSource::Constant {
        no_effect(compiler, at, "none_when", "the value is constant");
    }
}

/// Reports formats that never apply because an earlier one reads all of their values.
fn hidden_formats(compiler: &mut Compiler, field: &Field, at: &str) {
    let formats = field.format.iter().flat_map(OneOrMany::iter);
    let formats: Vec<(String, TimeFormat)> =
        formats.filter_map(|(i, format)| Some((i, TimeFormat::parse(format, field.zone.as_deref()).ok()?))).collect();
    for (n, (i, format)) in formats.iter().enumerate() {
        if let Some((_, earlier)) = formats[..n].iter().find(|(_, earlier)| earlier.hides(format)) {
            let message = format!("`{}` has no effect", format.as_str());
            let label = format!("`{}` reads the same values", earlier.as_str());
            compiler.error(Code::NoEffect, &format!("{at}/format{i}"), message, label);
        }
    }
}

/// Reports a time zone if no format needs one.
fn zone<'f>(compiler: &mut Compiler, formats: impl Iterator<Item = &'f String>, zone: Option<&String>, at: &str) {
    let (Some(zone), formats) = (zone, formats.collect::<Vec<_>>()) else { return };
    // Distances are not times; invalid formats are reported elsewhere.
    let reads_zone = |format: &&String| match TimeFormat::parse(format, Some(zone)) {
        Ok(TimeFormat::Civil(..)) => true,
        Ok(_) => false,
        Err(_) => Distance::parse(format).is_none(),
    };
    if !formats.iter().any(reads_zone) {
        no_effect(compiler, at, "zone", "this format includes the zone or is independent of it");
    }
}
