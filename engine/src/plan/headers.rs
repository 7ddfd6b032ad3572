//! Compiles header fields of requests.

use super::compiler::{Compiler, TemplateContext};
use super::template::Template;
use crate::profile::TemplateText;
use std::collections::BTreeMap;

pub(super) fn headers(
    compiler: &mut Compiler,
    headers: &BTreeMap<String, TemplateText>,
    at: &str,
    context: TemplateContext,
) -> Option<Vec<(String, Template)>> {
    let compiled: Vec<_> = headers.iter().map(|(name, value)| header(compiler, name, value, at, context)).collect();
    compiled.into_iter().collect()
}

fn header(
    compiler: &mut Compiler,
    name: &str,
    value: &TemplateText,
    at: &str,
    context: TemplateContext,
) -> Option<(String, Template)> {
    let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    let name = compiler.sent_header(name, compiler.key_span(&pointer))?;
    Some((name, compiler.template(value, &pointer, context)?))
}
