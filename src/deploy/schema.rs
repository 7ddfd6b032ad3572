//! `connector_config_schema.json`: JSON Schema 2020-12 of the variables, for OpenCTI's form and XTM Composer. It is
//! flat, without `$ref` and `anyOf`, and uses only formats that the platform's Ajv supports.

use super::deployment::Deployment;
use super::variable::{CONNECTOR_TYPE, Form, Variable};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

/// A number of days, as in earlier connectors, or an ISO 8601 duration. The format `duration` rejects the former.
const DURATION: &str =
    r"^([0-9]+|P(?=[0-9T])([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+S)?)?)$";

#[derive(Serialize)]
struct Schema<'s> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Properties<'s>,
    required: Vec<&'s str>,
    #[serde(rename = "additionalProperties")]
    additional: bool,
}

/// Properties in the order of the table of variables, which is the order in the form.
struct Properties<'s>(Vec<(&'s str, Value)>);

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, property)| (*name, property)))
    }
}

pub(super) fn schema(deployment: &Deployment) -> anyhow::Result<String> {
    // The platform generates the id of each connector.
    let listed = || deployment.variables.iter().filter(|variable| variable.name != "CONNECTOR_ID");
    let id = &deployment.plan.id;
    // A profile that is not part of the image is selected by its path.
    let profile = if deployment.in_image { id.clone() } else { format!("/profiles/{id}") };
    // The image contains all profiles and is configured by variables only, so a variable selects the profile.
    let fixed = [
        ("STIXMAP_PROFILE", constant("Profile of the provider", &profile)),
        ("CONNECTOR_TYPE", constant("Type of the connector in OpenCTI", CONNECTOR_TYPE)),
    ];
    let properties = listed().map(|variable| (variable.name.as_str(), property(variable)));
    let schema = Schema {
        schema: "https://json-schema.org/draft/2020-12/schema",
        id: format!("https://www.filigran.io/connectors/{id}_config.schema.json"),
        kind: "object",
        properties: Properties(properties.chain(fixed).collect()),
        required: listed().filter(|variable| variable.required).map(|variable| variable.name.as_str()).collect(),
        additional: true,
    };
    Ok(format!("{}\n", stixmap_engine::printable::json(&serde_json::to_string_pretty(&schema)?)))
}

fn constant(description: &str, value: &str) -> Value {
    json!({ "description": description, "type": "string", "const": value, "default": value })
}

fn property(variable: &Variable) -> Value {
    let mut property = form(&variable.form);
    if variable.required {
        // Optional values may be empty in the form.
        property.insert("minLength".to_owned(), json!(1));
    }
    property.insert("description".to_owned(), json!(variable.description));
    if let Some(text) = &variable.default {
        property.insert("default".to_owned(), default(&variable.form, text));
    }
    Value::Object(property)
}

fn form(form: &Form) -> Map<String, Value> {
    let form = match form {
        Form::Text => json!({ "type": "string" }),
        Form::Secret => json!({ "type": "string", "format": "password", "writeOnly": true }),
        Form::Url => json!({ "type": "string", "format": "uri", "maxLength": 2083 }),
        Form::Duration => json!({ "type": "string", "pattern": DURATION }),
        Form::Boolean => json!({ "type": "boolean" }),
        Form::Integer { least, most } => {
            let bounds = [("minimum", least), ("maximum", most)];
            let bounds = bounds.into_iter().filter_map(|(key, bound)| Some((key.to_owned(), json!((*bound)?))));
            std::iter::once(("type".to_owned(), json!("integer"))).chain(bounds).collect()
        }
        Form::Choice(choices) => {
            let kind = if choices.iter().all(Value::is_i64) { "integer" } else { "string" };
            json!({ "type": kind, "enum": choices })
        }
        Form::List => json!({ "type": "array", "items": { "type": "string" } }),
    };
    let Value::Object(form) = form else { unreachable!("every form is an object") };
    form
}

fn default(form: &Form, text: &str) -> Value {
    match form {
        Form::Boolean => json!(text == "true"),
        Form::Integer { .. } => text.parse::<i64>().map_or_else(|_| json!(text), Value::from),
        Form::Choice(choices) => {
            choices.iter().find(|choice| super::variable::text(choice) == text).cloned().unwrap_or_else(|| json!(text))
        }
        Form::List => json!(text.split(',').collect::<Vec<_>>()),
        Form::Text | Form::Secret | Form::Url | Form::Duration => json!(text),
    }
}
