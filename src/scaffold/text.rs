//! The words of a new profile and of its first case. Comments say what a line is for, or what spoke for it.

use super::{Line, Scaffold, auth};
use crate::cli::AuthKind;
use crate::quote::{yaml, yaml_line};
use std::fmt::Write;
use stixmap_engine::printable;
use stixmap_engine::stix::Kind;

/// The column at which comments stand, where lines leave room.
const COLUMN: usize = 60;

pub(super) fn profile(skeleton: &Scaffold) -> String {
    let mut text = String::new();
    head(&mut text, skeleton);
    settings(&mut text, skeleton);
    http(&mut text, skeleton);
    lookup(&mut text, skeleton);
    record(&mut text, skeleton);
    rules(&mut text, skeleton);
    policy(&mut text, skeleton);
    text
}

fn head(text: &mut String, skeleton: &Scaffold) {
    let id = &skeleton.id;
    let title = title(id);
    let accepts: Vec<&str> = skeleton.accepts.iter().map(|kind| noun(*kind)).collect();
    *text += "# Every key is explained by `stixmap explain profile`; what this profile does, by `stixmap explain`.\n";
    for remark in &skeleton.remarks {
        let _ = writeln!(text, "# {}", printable::line(remark));
    }
    let summary = yaml(&format!("Passive DNS of {}, from the {title} API.", accepts.join(" and ")));
    line(text, 0, &Line::new("profile: stixmap/v1", ""));
    line(text, 0, &Line::new(format!("id: {id}"), "the name of this folder"));
    line(text, 0, &Line::new("version: 0.1.0", ""));
    line(text, 0, &Line::new(format!("name: {title}"), "as people know the provider"));
    line(text, 0, &Line::new(format!("summary: {summary}"), ""));
    line(text, 0, &Line::new("status: experimental", "`active` once it was tried against the provider"));
}

fn settings(text: &mut String, skeleton: &Scaffold) {
    let settings = auth::text(skeleton.auth).settings;
    if settings.is_empty() {
        return;
    }
    *text += "\nsettings:\n";
    for (name, kind, description, _) in settings {
        let yaml = format!("{name}: {{ type: {kind}, required: true, description: {} }}", yaml(description));
        line(text, 1, &Line::new(yaml, ""));
    }
}

fn http(text: &mut String, skeleton: &Scaffold) {
    *text += "\nhttp:\n";
    line(text, 1, &Line::new(format!("base_url: {}", yaml(&skeleton.base_url)), "what all requests begin with"));
    line(text, 1, &auth_line(skeleton));
    *text += "\n# What a status or a body means, where it is not what HTTP says: a 404 that only says “nothing known”, for instance.\n";
    *text += "# answers:\n#   - { status: [404], means: empty }\n";
}

fn auth_line(skeleton: &Scaffold) -> Line {
    let auth = auth::text(skeleton.auth);
    match &skeleton.key_parameter {
        Some(parameter) if skeleton.auth == AuthKind::Query => {
            let yaml =
                format!("auth: {}", auth.yaml).replace("parameter: key", &format!("parameter: {}", yaml(parameter)));
            Line::new(yaml, "as the URL had it")
        }
        _ => Line::new(format!("auth: {}", auth.yaml), auth.why),
    }
}

fn lookup(text: &mut String, skeleton: &Scaffold) {
    let accepts: Vec<&str> = skeleton.accepts.iter().map(|kind| kind.stix_type()).collect();
    *text += "\nlookups:\n  passive-dns:\n";
    line(text, 2, &Line::new(format!("accepts: [{}]", accepts.join(", ")), "what can be asked about"));
    line(text, 2, &Line::new(format!("path: {}", yaml(&skeleton.lookup.path)), "after `base_url`"));
    let query: Vec<String> =
        skeleton.lookup.query.iter().map(|(name, value)| format!("{}: {}", yaml(name), yaml(value))).collect();
    if !query.is_empty() {
        line(text, 2, &Line::new(format!("query: {{ {} }}", query.join(", ")), ""));
    }
    line(text, 2, &Line::new(format!("framing: {}", skeleton.framing.word()), ""));
    if let Some(columns) = &skeleton.columns {
        line(text, 2, &Line::new(format!("columns: {columns}"), ""));
    }
    if let Some(records) = &skeleton.records {
        let separator = if records.yaml.starts_with('\n') { "" } else { " " };
        line(text, 2, &Line::new(format!("records:{separator}{}", records.yaml), &records.why));
    }
    line(text, 2, &Line::new(format!("paging: {}", skeleton.paging.yaml), &skeleton.paging.why));
}

fn record(text: &mut String, skeleton: &Scaffold) {
    *text += "\nrecord:\n  fields:\n";
    for (name, field) in &skeleton.fields {
        line(text, 2, &Line::new(format!("{name}: {}", field.yaml), &field.why));
    }
    if !skeleton.unread.is_empty() {
        *text += "    # Also in the rows, and not read:\n";
        skeleton
            .unread
            .iter()
            .for_each(|column| line(text, 2, &Line::new(format!("#   {}", printable::line(column)), "")));
    }
    if !skeleton.orientation.is_empty() {
        *text += "  orientation:\n";
        skeleton.orientation.iter().for_each(|row| line(text, 2, &Line::new(format!("- {}", row.yaml), &row.why)));
    }
    if let Some(other) = &skeleton.other_names {
        line(text, 1, &Line::new(format!("other_names: {}", other.yaml), &other.why));
    }
}

fn rules(text: &mut String, skeleton: &Scaffold) {
    *text += "\n# The first row that fits decides; a row of your own stands before those of the pack:\n";
    *text += "#   - { rrtype: TXT, drop: texts are of no interest }\n";
    *text += "rules:\n";
    skeleton.rules.iter().for_each(|rule| line(text, 1, &Line::new(format!("- {}", rule.yaml), &rule.why)));
}

fn policy(text: &mut String, skeleton: &Scaffold) {
    let has = |name: &str| skeleton.fields.iter().any(|(field, _)| field == name);
    let mut says = vec![r#"description: "{{ rrtype }} record""#];
    says.extend(has("time_first").then_some("start_time: time_first"));
    says.extend(has("time_last").then_some("stop_time: time_last"));
    let _ = writeln!(text, "\nrelationship: {{ {} }}\n", says.join(", "));
    line(
        text,
        0,
        &Line::new(
            r#"tlp: { max: "TLP:AMBER", unmarked: allow, results: { at_least: "TLP:GREEN" } }"#,
            "what may be sent, and how answers are marked",
        ),
    );
    let _ = writeln!(text, "\nidentity: {{ name: {} }}", title(&skeleton.id));
}

pub(super) fn case(skeleton: &Scaffold) -> String {
    let (auth, case) = (auth::text(skeleton.auth), &skeleton.case);
    let mut text = format!("about: {}\nnow: 2024-03-01T00:00:00Z\n", yaml(&case.about));
    let kind = case.kind.stix_type();
    let _ = writeln!(text, "observable: {{ type: {kind}, value: {} }}", yaml(&case.value));
    if !auth.settings.is_empty() {
        let settings: Vec<String> = auth.settings.iter().map(|(name, .., value)| format!("{name}: {value}")).collect();
        let _ = writeln!(text, "settings: {{ {} }}", settings.join(", "));
    }
    text += "exchanges:\n";
    let first = auth.first.map(|(request, reply)| (request.to_owned(), reply.to_owned()));
    for (request, reply) in first.iter().chain(&case.exchanges) {
        let _ = writeln!(text, "  - request: {}\n    reply: {reply}", yaml_line(request));
    }
    text
}

/// A line, or lines of which the first has a remark.
fn line(text: &mut String, depth: usize, line: &Line) {
    let indent = "  ".repeat(depth);
    let (first, rest) =
        line.yaml.split_once('\n').map_or((line.yaml.as_str(), None), |(first, rest)| (first, Some(rest)));
    let first = format!("{indent}{first}");
    if line.why.is_empty() {
        let _ = writeln!(text, "{first}");
    } else {
        let _ = writeln!(text, "{first:COLUMN$}  # {}", printable::line(&line.why));
    }
    for line in rest.iter().flat_map(|rest| rest.lines()) {
        let _ = writeln!(text, "{indent}  {line}");
    }
}

/// An id as a name: `acme-dns` is `Acme Dns`.
fn title(id: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
    };
    id.split('-').map(word).collect::<Vec<_>>().join(" ")
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::DomainName => "domain names",
        Kind::Ipv4Addr => "IPv4 addresses",
        Kind::Ipv6Addr => "IPv6 addresses",
        other => other.stix_type(),
    }
}
