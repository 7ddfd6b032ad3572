//! The body of a request while it is made: what is sent, and what is shown. JSON, or a form.

use super::request::{Known, PageValue, Redacted, RequestBuilder, as_is, encoded};
use crate::plan::{BodyPlan, LookupPlan, Path, PathStep, Template};
use serde_json::Value;
use zeroize::Zeroizing;

/// The body of a request.
pub(super) enum Body {
    /// JSON, and the same with the names of secrets.
    Json(Value, Value),
    /// Fields, their values encoded.
    Form(Vec<(String, Redacted)>),
}

impl Body {
    /// The body of a lookup's first request.
    pub(super) fn of_lookup(asker: &RequestBuilder, lookup: &LookupPlan, known: Known) -> Option<Body> {
        let json = || lookup.body.as_ref().map(|body| Self::json(asker, body, known));
        match lookup.form.is_empty() {
            true => json(),
            false => Some(Self::Form(asker.parameters(&lookup.form, known))),
        }
    }

    /// A form of texts.
    pub(super) fn form(asker: &RequestBuilder, fields: &[(String, Template)], known: Known) -> Body {
        let field =
            |(name, value): &(String, Template)| (name.clone(), asker.text(value, known, as_is).encoded(encoded));
        Self::Form(fields.iter().map(field).collect())
    }

    pub(super) fn json(asker: &RequestBuilder, plan: &BodyPlan, known: Known) -> Body {
        let (real, shown) = value(asker, plan, known);
        Self::Json(real, shown)
    }

    /// What it is, for `Content-Type`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Json(..) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    /// Puts a value of paging into it; objects on the way that are not there are made.
    pub(super) fn set(&mut self, path: &Path, value: &PageValue, text: &Redacted) {
        match self {
            Self::Json(whole, whole_shown) => {
                let as_text = |text: &str| match value {
                    PageValue::Number(number) => Value::from(*number),
                    PageValue::Cursor(_) => Value::from(text),
                };
                set(whole, path, as_text(text.expose()));
                set(whole_shown, path, as_text(&text.to_string()));
            }
            Self::Form(fields) => {
                let Some(PathStep::Name(name)) = path.steps().first() else { return };
                fields.push((name.clone(), text.encoded(encoded)));
            }
        }
    }

    /// Puts a text into it: a credential.
    pub(super) fn set_text(&mut self, path: &Path, text: &Redacted) {
        self.set(path, &PageValue::Cursor(String::new()), text);
    }

    pub(super) fn text(self) -> Redacted {
        match self {
            Self::Json(real, shown) => Redacted::both(&Zeroizing::new(real.to_string()), &shown.to_string()),
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

fn value(asker: &RequestBuilder, plan: &BodyPlan, known: Known) -> (Value, Value) {
    match plan {
        BodyPlan::Boolean(flag) => (Value::from(*flag), Value::from(*flag)),
        BodyPlan::Integer(number) => (Value::from(*number), Value::from(*number)),
        BodyPlan::Text(template) => {
            if let Some(value) = asker.alone(template, known) {
                return (value.clone(), value);
            }
            let text = asker.text(template, known, as_is);
            (Value::from(text.expose()), Value::from(text.to_string()))
        }
        BodyPlan::List(items) => {
            let (real, shown): (Vec<Value>, Vec<Value>) = items.iter().map(|item| value(asker, item, known)).unzip();
            (Value::from(real), Value::from(shown))
        }
        BodyPlan::Object(keys) => {
            let (mut real, mut shown) = (Value::Object(Default::default()), Value::Object(Default::default()));
            for (key, item) in keys {
                (real[key.as_str()], shown[key.as_str()]) = value(asker, item, known);
            }
            (real, shown)
        }
    }
}

fn set(whole: &mut Value, path: &Path, value: Value) {
    let mut place = whole;
    for step in path.steps() {
        let PathStep::Name(name) = step else { return };
        if !place.is_object() {
            *place = Value::Object(Default::default());
        }
        place = &mut place[name.as_str()];
    }
    *place = value;
}
