//! Builds request bodies, JSON or form fields, with a redacted counterpart.

use super::redacted::Redacted;
use super::template_values::{TemplateValues, Variables, encoded, verbatim};
use crate::plan::{BodyPlan, LookupPlan, Path, PathStep, Template};
use serde_json::Value;
use zeroize::Zeroizing;

/// A value of a paging parameter.
pub(super) enum PageValue {
    Number(u64),
    Cursor(String),
}

impl PageValue {
    pub(super) fn as_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Cursor(cursor) => cursor.clone(),
        }
    }
}

/// A request body under construction.
pub(super) enum Body {
    /// JSON, and the same with secrets redacted.
    Json(Value, Value),
    /// Form fields with percent-encoded values.
    Form(Vec<(String, Redacted)>),
}

impl Body {
    /// Returns the body of a lookup's first request.
    pub(super) fn of_lookup(values: &TemplateValues, lookup: &LookupPlan, variables: Variables) -> Option<Body> {
        let json = || lookup.body.as_ref().map(|body| Self::json(values, body, variables));
        match lookup.form.is_empty() {
            true => json(),
            false => Some(Self::Form(values.parameters(&lookup.form, variables))),
        }
    }

    /// Returns a form with these fields.
    pub(super) fn form(values: &TemplateValues, fields: &[(String, Template)], variables: Variables) -> Body {
        let field = |(name, value): &(String, Template)| {
            (name.clone(), values.text(value, variables, verbatim).encoded(encoded))
        };
        Self::Form(fields.iter().map(field).collect())
    }

    pub(super) fn json(values: &TemplateValues, plan: &BodyPlan, variables: Variables) -> Body {
        let (real, redacted) = json_value(values, plan, variables);
        Self::Json(real, redacted)
    }

    /// Returns the media type for `Content-Type`.
    pub(super) fn media_type(&self) -> &'static str {
        match self {
            Self::Json(..) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    /// Sets a paging parameter; missing objects on the path are created.
    pub(super) fn set(&mut self, path: &Path, value: &PageValue, text: &Redacted) {
        match self {
            Self::Json(whole, whole_redacted) => {
                let as_text = |text: &str| match value {
                    PageValue::Number(number) => Value::from(*number),
                    PageValue::Cursor(_) => Value::from(text),
                };
                set(whole, path, as_text(text.expose()));
                set(whole_redacted, path, as_text(&text.to_string()));
            }
            Self::Form(fields) => {
                let Some(PathStep::Name(name)) = path.steps().first() else { return };
                fields.push((name.clone(), text.encoded(encoded)));
            }
        }
    }

    /// Sets a text value, such as a credential.
    pub(super) fn set_text(&mut self, path: &Path, text: &Redacted) {
        self.set(path, &PageValue::Cursor(String::new()), text);
    }

    pub(super) fn text(self) -> Redacted {
        match self {
            Self::Json(real, redacted) => Redacted::both(&Zeroizing::new(real.to_string()), &redacted.to_string()),
            Self::Form(fields) => {
                let mut text = Redacted::default();
                for (name, value) in &fields {
                    text.push(if text.expose().is_empty() { "" } else { "&" });
                    text.push(&encoded(name));
                    text.push("=");
                    text.push_both(value);
                }
                text
            }
        }
    }
}

fn json_value(values: &TemplateValues, plan: &BodyPlan, variables: Variables) -> (Value, Value) {
    match plan {
        BodyPlan::Boolean(flag) => (Value::from(*flag), Value::from(*flag)),
        BodyPlan::Integer(number) => (Value::from(*number), Value::from(*number)),
        BodyPlan::Text(template) => {
            if let Some(value) = values.single_value(template, variables) {
                return (value.clone(), value);
            }
            let text = values.text(template, variables, verbatim);
            (Value::from(text.expose()), Value::from(text.to_string()))
        }
        BodyPlan::List(items) => {
            let (real, redacted): (Vec<Value>, Vec<Value>) =
                items.iter().map(|item| json_value(values, item, variables)).unzip();
            (Value::from(real), Value::from(redacted))
        }
        BodyPlan::Object(keys) => {
            let (mut real, mut redacted) = (Value::Object(Default::default()), Value::Object(Default::default()));
            for (key, item) in keys {
                (real[key.as_str()], redacted[key.as_str()]) = json_value(values, item, variables);
            }
            (real, redacted)
        }
    }
}

fn set(whole: &mut Value, path: &Path, value: Value) {
    let mut target = whole;
    for step in path.steps() {
        let PathStep::Name(name) = step else { return };
        if !target.is_object() {
            *target = Value::Object(Default::default());
        }
        target = &mut target[name.as_str()];
    }
    *target = value;
}
