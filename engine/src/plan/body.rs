//! The JSON body of a request, compiled: its texts are templates, the rest stands as it is.

use super::compiler::{Compiler, TemplateContext};
use super::template::Template;
use crate::diagnostic::Code;
use crate::profile::{BodyValue, Method};

/// A JSON value with templates for texts.
#[derive(Debug)]
pub enum BodyPlan {
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Integer(i64),
    /// Text.
    Text(Template),
    /// A list.
    List(Vec<BodyPlan>),
    /// An object.
    Object(Vec<(String, BodyPlan)>),
}

impl BodyPlan {
    /// Every text in it.
    pub fn texts(&self) -> Vec<&Template> {
        match self {
            Self::Boolean(_) | Self::Integer(_) => vec![],
            Self::Text(text) => vec![text],
            Self::List(items) => items.iter().flat_map(Self::texts).collect(),
            Self::Object(keys) => keys.iter().flat_map(|(_, value)| value.texts()).collect(),
        }
    }
}

/// Says what is wrong with a body that a request cannot have. `None` if something is.
pub(super) fn one_body(compiler: &mut Compiler, method: Method, json: bool, form: bool, at: &str) -> Option<()> {
    if json && form {
        compiler.error(Code::BodyTwice, &format!("{at}/form"), "a request has one body", "and there is a `body`");
        return None;
    }
    if (json || form) && method == Method::Get {
        let key = if json { "body" } else { "form" };
        compiler.error(Code::BodyOfGet, &format!("{at}/{key}"), "a GET has no body", "it needs `method: POST`");
        return None;
    }
    Some(())
}

pub(super) fn body(compiler: &mut Compiler, value: &BodyValue, at: &str, place: TemplateContext) -> Option<BodyPlan> {
    Some(match value {
        BodyValue::Boolean(flag) => BodyPlan::Boolean(*flag),
        BodyValue::Integer(number) => BodyPlan::Integer(*number),
        BodyValue::Text(text) => BodyPlan::Text(compiler.template(text, at, place)?),
        BodyValue::List(items) => {
            let items: Vec<_> =
                items.iter().enumerate().map(|(i, item)| body(compiler, item, &format!("{at}/{i}"), place)).collect();
            BodyPlan::List(items.into_iter().collect::<Option<_>>()?)
        }
        BodyValue::Object(keys) => {
            let keys: Vec<_> = keys
                .iter()
                .map(|(key, value)| {
                    let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                    Some((key.clone(), body(compiler, value, &pointer, place)?))
                })
                .collect();
            BodyPlan::Object(keys.into_iter().collect::<Option<_>>()?)
        }
    })
}
