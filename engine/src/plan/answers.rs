//! Compiled meanings of responses by status code, header or body.

use super::compiler::Compiler;
use super::path::Path;
use crate::diagnostic::{Code, Span};
use crate::profile::{Answer, BodyTest, Meaning, OneOrMany, PathText, RetryAfter, Scalar, WaitUnit};
use std::fmt;

/// The meaning of responses that match all of its tests.
#[derive(Debug)]
pub struct AnswerPlan {
    /// Status codes that match; empty means any.
    pub status: Vec<u16>,
    /// Test of the response body, if any.
    pub body: Option<BodyTestPlan>,
    /// Name of a header, and the lower-case text that it must contain.
    pub header: Option<(String, Option<String>)>,
    /// Meaning of a response that matches.
    pub means: Meaning,
    /// Paths of the provider's error message.
    pub message: Vec<Path>,
    /// Position and unit of the wait that the provider states.
    pub retry_after: Option<(ResponseLocation, WaitUnit)>,
    /// Location of the row in the source.
    pub span: Span,
}

/// A test of a response body.
#[derive(Debug, PartialEq)]
pub enum BodyTestPlan {
    /// The value at the path equals one of these, or is present if there are none.
    Value(Path, Vec<Scalar>),
    /// The text at the path contains one of these, in lower case.
    Text(Path, Vec<String>),
    /// The body contains this text, in lower case.
    Contains(String),
    /// The trimmed body equals this text, in lower case.
    Is(String),
    /// Whether the body must be empty or must not be.
    Empty(bool),
}

/// A position in a response: body or header.
#[derive(Debug)]
pub enum ResponseLocation {
    /// Path of a value in the body.
    Body(Path),
    /// Name of a response header.
    Header(String),
}

impl fmt::Display for ResponseLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(path) => path.fmt(f),
            Self::Header(name) => f.write_str(name),
        }
    }
}

pub(super) fn answers(compiler: &mut Compiler, answers: &[Answer]) -> Vec<Option<AnswerPlan>> {
    answers.iter().enumerate().map(|(i, row)| answer(compiler, row, &format!("/answers/{i}"))).collect()
}

fn answer(compiler: &mut Compiler, answer: &Answer, at: &str) -> Option<AnswerPlan> {
    matches_something(compiler, answer, at)?;
    let body = answer.body.as_ref().map(|test| body(compiler, test, &format!("{at}/body")));
    let header = answer.header.as_ref().map(|test| {
        let name = compiler.header_name(&test.name, compiler.span(&format!("{at}/header/name")))?;
        Some((name, test.contains.as_deref().map(str::to_lowercase)))
    });
    let messages: Vec<_> = answer.message.iter().flat_map(OneOrMany::iter).collect();
    let message: Vec<_> =
        messages.into_iter().map(|(i, text)| compiler.path(text, &format!("{at}/message{i}"))).collect();
    let retry_after = answer.retry_after.as_ref().map(|wait| retry_after(compiler, wait, &format!("{at}/retry_after")));
    Some(AnswerPlan {
        status: answer.status.iter().flat_map(|codes| codes.iter().map(|(_, code)| code.0)).collect(),
        body: transposed(body)?,
        header: transposed(header)?,
        means: answer.means,
        message: message.into_iter().collect::<Option<_>>()?,
        retry_after: transposed(retry_after)?,
        span: compiler.span(at),
    })
}

/// Returns `None` if a part is written and invalid.
fn transposed<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    part.map_or(Some(None), |part| part.map(Some))
}

/// Validates that a row does not match every response.
fn matches_something(compiler: &mut Compiler, answer: &Answer, at: &str) -> Option<()> {
    if answer.status.is_none() && answer.body.is_none() && answer.header.is_none() {
        let label = "requires `status`, `body` or `header`";
        compiler.error(Code::AnswerMatchesAll, at, "this row matches every response", label);
        return None;
    }
    let is_empty = |text: &&String| text.is_empty();
    let of_body = match &answer.body {
        Some(BodyTest::Value { contains: Some(texts), .. }) => {
            texts.iter().find(|(_, text)| is_empty(text)).map(|(i, _)| format!("body/contains{i}"))
        }
        Some(BodyTest::Part { contains }) => Some(contains).filter(is_empty).map(|_| "body/contains".to_owned()),
        _ => None,
    };
    let of_header = answer.header.as_ref().and_then(|test| test.contains.as_ref()).filter(is_empty);
    match of_body.or(of_header.map(|_| "header/contains".to_owned())) {
        Some(key) => {
            let label = "an empty text is contained in every text";
            compiler.error(Code::AnswerMatchesAll, &format!("{at}/{key}"), "this test matches every response", label);
            None
        }
        None => Some(()),
    }
}

fn body(compiler: &mut Compiler, test: &BodyTest, at: &str) -> Option<BodyTestPlan> {
    Some(match test {
        BodyTest::Value { is: Some(_), contains: Some(_), .. } => {
            let label = "`is` compares the whole value, `contains` a part of it";
            compiler.error(Code::BodyTestTwice, at, "`is` and `contains` are mutually exclusive", label);
            return None;
        }
        BodyTest::Value { at: path, contains: Some(texts), .. } => {
            let path = compiler.path(path, &format!("{at}/at"))?;
            BodyTestPlan::Text(path, texts.iter().map(|(_, text)| text.to_lowercase()).collect())
        }
        BodyTest::Value { at: path, is, contains: None } => {
            let path = compiler.path(path, &format!("{at}/at"))?;
            let values = is.iter().flat_map(|values| values.iter().map(|(_, value)| value.clone())).collect();
            BodyTestPlan::Value(path, values)
        }
        BodyTest::Empty { empty } => BodyTestPlan::Empty(*empty),
        BodyTest::Part { contains } => BodyTestPlan::Contains(contains.to_lowercase()),
        BodyTest::Whole { text } => BodyTestPlan::Is(text.trim().to_lowercase()),
    })
}

fn retry_after(compiler: &mut Compiler, wait: &RetryAfter, at: &str) -> Option<(ResponseLocation, WaitUnit)> {
    Some(match wait {
        RetryAfter::Body { at: path, unit } => {
            (ResponseLocation::Body(compiler.path(path, &format!("{at}/at"))?), *unit)
        }
        RetryAfter::Header { header, unit } => {
            let header = compiler.header_name(header, compiler.span(&format!("{at}/header")))?;
            (ResponseLocation::Header(header), *unit)
        }
    })
}

/// Returns the position from a path or a header name. Exactly one of the two keys must be given.
pub(super) fn answer_place(
    compiler: &mut Compiler,
    path: Option<&PathText>,
    header: Option<&str>,
    (at, path_key, header_key): (&str, &str, &str),
    code: Code,
) -> Option<ResponseLocation> {
    match (path, header) {
        (Some(path), None) => compiler.path(path, &format!("{at}/{path_key}")).map(ResponseLocation::Body),
        (None, Some(header)) => {
            let span = compiler.span(&format!("{at}/{header_key}"));
            compiler.header_name(header, span).map(ResponseLocation::Header)
        }
        _ => {
            let label = format!("requires either `{path_key}` or `{header_key}`");
            compiler.error(code, at, "ambiguous or missing position in the response", label);
            None
        }
    }
}
