//! The variables of a deployment in one table: OpenCTI, connector, profile. All generated files are derived from it.

use crate::memory;
use crate::setting::variable;
use serde::Serialize;
use serde_json::{Value, json};
use stixmap_engine::plan::{Plan, SettingSpec};
use stixmap_engine::profile::SettingType;
use stixmap_engine::stix::{Pap, Tlp};

/// Connector type in OpenCTI.
pub(super) const CONNECTOR_TYPE: &str = "INTERNAL_ENRICHMENT";

/// An environment variable and its type.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Variable {
    /// Name, such as `ACME_API_KEY`.
    pub(super) name: String,
    /// Section in `config.yml`.
    pub(super) section: String,
    /// Key in the section.
    pub(super) key: String,
    /// Description without a full stop.
    pub(super) description: String,
    /// Whether a value is required.
    pub(super) required: bool,
    /// Default value as text.
    pub(super) default: Option<String>,
    /// Example value for samples.
    pub(super) sample: String,
    /// Type of the value.
    pub(super) form: Form,
    /// Alternative names of the variable.
    pub(super) also: Vec<String>,
}

/// Type of the value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Form {
    Text,
    Secret,
    Url,
    /// A number of days, or an ISO 8601 duration.
    Duration,
    Boolean,
    Integer {
        least: Option<i64>,
        most: Option<i64>,
    },
    /// One of the listed values.
    Choice(Vec<Value>),
    /// Comma-separated list.
    List,
}

/// Returns all variables in the order in which an operator sets them.
pub(super) fn variables(plan: &Plan) -> Vec<Variable> {
    let mut variables = platform();
    variables.extend(connector(plan));
    // Required settings come first; otherwise the order is that of the profile.
    let mut settings: Vec<Variable> = plan.settings.iter().map(|spec| setting(plan, spec)).collect();
    settings.sort_by_key(|variable| !variable.required);
    variables.extend(settings);
    variables
}

fn platform() -> Vec<Variable> {
    vec![
        required("opencti", "url", Form::Url, "http://localhost", "URL of the OpenCTI platform"),
        required("opencti", "token", Form::Secret, "ChangeMe", "API token of the connector's OpenCTI account"),
    ]
}

fn connector(plan: &Plan) -> Vec<Variable> {
    let scope: Vec<&str> = plan.accepts().into_iter().map(|kind| kind.entity_type()).collect();
    let levels = ["debug", "info", "warn", "warning", "error"].map(Value::from).to_vec();
    vec![
        required(
            "connector",
            "id",
            Form::Text,
            "ChangeMe",
            "Unique identifier (UUIDv4) of the connector, shared by its replicas",
        ),
        optional("connector", "name", Form::Text, &plan.name, "Name of the connector in OpenCTI"),
        optional("connector", "scope", Form::List, &scope.join(","), "Types of observables to enrich"),
        optional("connector", "auto", Form::Boolean, "false", "Enrich new observables automatically"),
        optional("connector", "log_level", Form::Choice(levels), "error", "Minimum level of log messages"),
        optional(
            "connector",
            "concurrency",
            whole(1, 256),
            &memory::CONCURRENCY.to_string(),
            "Maximum number of observables enriched at the same time",
        ),
        optional(
            "connector",
            "memory_budget",
            whole(8, 1_048_576),
            &memory::default_budget(plan.http.max_body).to_string(),
            "Memory for responses in MiB; a large response waits until enough is free",
        ),
        optional("connector", "expose_metrics", Form::Boolean, "false", "Serve metrics, /health and /ready"),
        optional("connector", "metrics_port", whole(1, 65_535), "9095", "Port of the metrics server"),
        optional(
            "connector",
            "metrics_address",
            Form::Text,
            "127.0.0.1",
            "IP address of the metrics server; the default is reachable from this machine only",
        ),
    ]
}

fn whole(least: i64, most: i64) -> Form {
    Form::Integer { least: Some(least), most: Some(most) }
}

fn required(section: &str, key: &str, form: Form, sample: &str, description: &str) -> Variable {
    Variable {
        name: variable(section, key),
        section: section.to_owned(),
        key: key.to_owned(),
        description: description.to_owned(),
        required: true,
        default: None,
        sample: sample.to_owned(),
        form,
        also: vec![],
    }
}

fn optional(section: &str, key: &str, form: Form, default: &str, description: &str) -> Variable {
    let variable = required(section, key, form, default, description);
    Variable { required: false, default: Some(default.to_owned()), ..variable }
}

fn setting(plan: &Plan, spec: &SettingSpec) -> Variable {
    let form = form(spec);
    let default = spec.default.as_deref().map(|text| normalize(spec.kind, text));
    Variable {
        name: variable(&plan.id, &spec.name),
        section: plan.id.clone(),
        key: spec.name.clone(),
        description: spec.description.clone(),
        required: spec.required,
        sample: default.clone().unwrap_or_else(|| sample(&form)),
        default,
        form,
        also: spec.also.iter().map(|name| variable(&plan.id, name)).collect(),
    }
}

/// Normalizes a default, so that forms can compare it with their choices.
fn normalize(kind: SettingType, text: &str) -> String {
    let text = text.trim();
    match kind {
        SettingType::Tlp => Tlp::parse(text).map_or_else(|| text.to_owned(), |tlp| tlp.to_string()),
        SettingType::Pap => Pap::parse(text).map_or_else(|| text.to_owned(), |pap| pap.to_string()),
        SettingType::Boolean => {
            let is_true = ["true", "yes", "on", "1"].iter().any(|word| word.eq_ignore_ascii_case(text));
            is_true.to_string()
        }
        SettingType::String | SettingType::Secret | SettingType::Duration | SettingType::Integer | SettingType::Url => {
            text.to_owned()
        }
    }
}

fn form(spec: &SettingSpec) -> Form {
    if !spec.choices.is_empty() && spec.kind != SettingType::Secret {
        return Form::Choice(spec.choices.iter().map(|choice| typed(spec.kind, choice)).collect());
    }
    match spec.kind {
        SettingType::Url => Form::Url,
        SettingType::String => Form::Text,
        SettingType::Secret => Form::Secret,
        SettingType::Tlp => Form::Choice(Tlp::ALL.iter().map(|tlp| json!(tlp.as_str())).collect()),
        SettingType::Pap => Form::Choice(Pap::ALL.iter().map(|pap| json!(pap.as_str())).collect()),
        SettingType::Duration => Form::Duration,
        SettingType::Integer => Form::Integer { least: spec.at_least, most: spec.at_most },
        SettingType::Boolean => Form::Boolean,
    }
}

/// Returns a choice as JSON; integers become numbers.
fn typed(kind: SettingType, text: &str) -> Value {
    match kind {
        SettingType::Integer => text.trim().parse::<i64>().map_or_else(|_| json!(text), Value::from),
        _ => json!(text),
    }
}

fn sample(form: &Form) -> String {
    match form {
        Form::Text | Form::Secret | Form::List => "ChangeMe".to_owned(),
        Form::Url => "https://proxy.example".to_owned(),
        Form::Duration => "P30D".to_owned(),
        Form::Boolean => "false".to_owned(),
        Form::Integer { .. } => "1".to_owned(),
        Form::Choice(choices) => choices.first().map(text).unwrap_or_default(),
    }
}

/// Returns a JSON value as the text of a variable.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
