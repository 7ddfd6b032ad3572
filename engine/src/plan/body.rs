//! Compiled JSON bodies of requests: texts are templates, other values are constant.

use super::compiler::{Compiler, TemplateContext};
use super::template::Template;
use crate::diagnostic::Code;
use crate::profile::{BodyValue, Method};

/// A JSON value whose texts are templates.
#[derive(Debug)]
pub enum BodyPlan {
    /// A boolean, `true` or `false`.
    Boolean(bool),
    /// A whole number, sent as it is.
    Integer(i64),
    /// A text with placeholders.
    Text(Template),
    /// A list of values, in order.
    List(Vec<BodyPlan>),
    /// An object with its members, ordered by name.
    Object(Vec<(String, BodyPlan)>),
}

impl BodyPlan {
    /// Returns all templates of the body.
    pub fn texts(&self) -> Vec<&Template> {
        match self {
            Self::Boolean(_) | Self::Integer(_) => vec![],
            Self::Text(text) => vec![text],
            Self::List(items) => items.iter().flat_map(Self::texts).collect(),
            Self::Object(keys) => keys.iter().flat_map(|(_, value)| value.texts()).collect(),
        }
    }
}

/// Reports a body that a request cannot have, and returns `None` for it.
pub(super) fn validate_body(compiler: &mut Compiler, method: Method, json: bool, form: bool, at: &str) -> Option<()> {
    if json && form {
        compiler.error(
            Code::BodyTwice,
            &format!("{at}/form"),
            "`body` and `form` are mutually exclusive",
            "there is also a `body`",
        );
        return None;
    }
    if (json || form) && method == Method::Get {
        let key = if json { "body" } else { "form" };
        compiler.error(Code::BodyOfGet, &format!("{at}/{key}"), "a GET request has no body", "requires `method: POST`");
        return None;
    }
    Some(())
}

pub(super) fn body(compiler: &mut Compiler, value: &BodyValue, at: &str, context: TemplateContext) -> Option<BodyPlan> {
    Some(match value {
        BodyValue::Boolean(flag) => BodyPlan::Boolean(*flag),
        BodyValue::Integer(number) => BodyPlan::Integer(*number),
        BodyValue::Text(text) => BodyPlan::Text(compiler.template(text, at, context)?),
        BodyValue::List(items) => {
            let items: Vec<_> =
                items.iter().enumerate().map(|(i, item)| body(compiler, item, &format!("{at}/{i}"), context)).collect();
            BodyPlan::List(items.into_iter().collect::<Option<_>>()?)
        }
        BodyValue::Object(keys) => {
            let keys: Vec<_> = keys
                .iter()
                .map(|(key, value)| {
                    let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                    Some((key.clone(), body(compiler, value, &pointer, context)?))
                })
                .collect();
            BodyPlan::Object(keys.into_iter().collect::<Option<_>>()?)
        }
    })
}
