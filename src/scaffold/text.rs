//! The text of a generated profile and of its first case. Comments explain a line, or give the evidence for it.

use super::auth;
use super::content::{Line, Scaffold};
use crate::cli::AuthKind;
use crate::quote::{yaml, yaml_line};
use std::fmt::Write;
use stixmap_engine::printable;
use stixmap_engine::stix::ObservableType;

/// Column of comments, unless the line is longer.
const COLUMN: usize = 60;

pub(super) fn profile(scaffold: &Scaffold) -> String {
    let mut text = String::new();
    head(&mut text, scaffold);
    settings(&mut text, scaffold);
    http(&mut text, scaffold);
    lookup(&mut text, scaffold);
    record(&mut text, scaffold);
    rules(&mut text, scaffold);
    policy(&mut text, scaffold);
    text
}

fn head(text: &mut String, scaffold: &Scaffold) {
    let id = &scaffold.id;
    let title = title(id);
    let accepts: Vec<&str> = scaffold.accepts.iter().map(|kind| noun(*kind)).collect();
    *text += "# Reference: `stixmap explain profile`. Summary of this profile: `stixmap explain`.\n";
    for remark in &scaffold.remarks {
        let _ = writeln!(text, "# {}", printable::line(remark));
    }
    let summary = yaml(&format!("Passive DNS of {}, from the {title} API.", accepts.join(" and ")));
    line(text, 0, &Line::new("profile: stixmap/v1", ""));
    line(text, 0, &Line::new(format!("id: {id}"), "same as the folder's name"));
    line(text, 0, &Line::new("version: 0.1.0", ""));
    line(text, 0, &Line::new(format!("name: {title}"), "display name of the provider"));
    line(text, 0, &Line::new(format!("summary: {summary}"), ""));
    line(text, 0, &Line::new("status: experimental", "`active` once verified with the provider"));
}

fn settings(text: &mut String, scaffold: &Scaffold) {
    let settings = auth::text(scaffold.auth).settings;
    if settings.is_empty() {
        return;
    }
    *text += "\nsettings:\n";
    for (name, kind, description, _) in settings {
        let yaml = format!("{name}: {{ type: {kind}, required: true, description: {} }}", yaml(description));
        line(text, 1, &Line::new(yaml, ""));
    }
}

fn http(text: &mut String, scaffold: &Scaffold) {
    *text += "\nhttp:\n";
    line(text, 1, &Line::new(format!("base_url: {}", yaml(&scaffold.base_url)), "prefix of all requests"));
    line(text, 1, &auth_line(scaffold));
    *text += "\n# Meaning of statuses and bodies that deviate from HTTP, such as 404 for an empty result.\n";
    *text += "# answers:\n#   - { status: [404], means: empty }\n";
}

fn auth_line(scaffold: &Scaffold) -> Line {
    let auth = auth::text(scaffold.auth);
    match &scaffold.key_parameter {
        Some(parameter) if scaffold.auth == AuthKind::Query => {
            let yaml =
                format!("auth: {}", auth.yaml).replace("parameter: key", &format!("parameter: {}", yaml(parameter)));
            Line::new(yaml, "from the URL")
        }
        _ => Line::new(format!("auth: {}", auth.yaml), auth.why),
    }
}

fn lookup(text: &mut String, scaffold: &Scaffold) {
    let accepts: Vec<&str> = scaffold.accepts.iter().map(|kind| kind.stix_type()).collect();
    *text += "\nlookups:\n  passive-dns:\n";
    line(text, 2, &Line::new(format!("accepts: [{}]", accepts.join(", ")), "observable types"));
    line(text, 2, &Line::new(format!("path: {}", yaml(&scaffold.lookup.path)), "appended to `base_url`"));
    let query: Vec<String> =
        scaffold.lookup.query.iter().map(|(name, value)| format!("{}: {}", yaml(name), yaml(value))).collect();
    if !query.is_empty() {
        line(text, 2, &Line::new(format!("query: {{ {} }}", query.join(", ")), ""));
    }
    line(text, 2, &Line::new(format!("framing: {}", scaffold.framing.word()), ""));
    if let Some(columns) = &scaffold.columns {
        line(text, 2, &Line::new(format!("columns: {columns}"), ""));
    }
    if let Some(records) = &scaffold.records {
        let separator = if records.yaml.starts_with('\n') { "" } else { " " };
        line(text, 2, &Line::new(format!("records:{separator}{}", records.yaml), &records.why));
    }
    line(text, 2, &Line::new(format!("paging: {}", scaffold.paging.yaml), &scaffold.paging.why));
}

fn record(text: &mut String, scaffold: &Scaffold) {
    *text += "\nrecord:\n  fields:\n";
    for (name, field) in &scaffold.fields {
        line(text, 2, &Line::new(format!("{name}: {}", field.yaml), &field.why));
    }
    if !scaffold.unread.is_empty() {
        *text += "    # Other columns of the rows:\n";
        scaffold
            .unread
            .iter()
            .for_each(|column| line(text, 2, &Line::new(format!("#   {}", printable::line(column)), "")));
    }
    if !scaffold.orientation.is_empty() {
        *text += "  orientation:\n";
        scaffold.orientation.iter().for_each(|row| line(text, 2, &Line::new(format!("- {}", row.yaml), &row.why)));
    }
    if let Some(other) = &scaffold.other_names {
        line(text, 1, &Line::new(format!("other_names: {}", other.yaml), &other.why));
    }
}

fn rules(text: &mut String, scaffold: &Scaffold) {
    *text += "\n# The first matching rule applies; your own rules precede those of the pack:\n";
    *text += "#   - { rrtype: TXT, drop: text records are not of interest }\n";
    *text += "rules:\n";
    scaffold.rules.iter().for_each(|rule| line(text, 1, &Line::new(format!("- {}", rule.yaml), &rule.why)));
}

fn policy(text: &mut String, scaffold: &Scaffold) {
    let has = |name: &str| scaffold.fields.iter().any(|(field, _)| field == name);
    let mut parts = vec![r#"description: "{{ rrtype }} record""#];
    parts.extend(has("time_first").then_some("start_time: time_first"));
    parts.extend(has("time_last").then_some("stop_time: time_last"));
    let _ = writeln!(text, "\nrelationship: {{ {} }}\n", parts.join(", "));
    line(
        text,
        0,
        &Line::new(
            r#"tlp: { max: "TLP:AMBER", unmarked: allow, results: { at_least: "TLP:GREEN" } }"#,
            "maximum level to send, and marking of results",
        ),
    );
    let _ = writeln!(text, "\nidentity: {{ name: {} }}", title(&scaffold.id));
}

pub(super) fn case(scaffold: &Scaffold) -> String {
    let (auth, case) = (auth::text(scaffold.auth), &scaffold.case);
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

/// Writes a line with its comment; further lines have none.
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

/// Converts an id to a name: `acme-dns` to `Acme Dns`.
fn title(id: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
    };
    id.split('-').map(word).collect::<Vec<_>>().join(" ")
}

fn noun(kind: ObservableType) -> &'static str {
    match kind {
        ObservableType::DomainName => "domain names",
        ObservableType::Ipv4Addr => "IPv4 addresses",
        ObservableType::Ipv6Addr => "IPv6 addresses",
        other => other.stix_type(),
    }
}
