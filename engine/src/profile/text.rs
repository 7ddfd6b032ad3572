//! String notations of the profile language: paths, templates, durations, numbers and links; and the one-or-many
//! shorthand.

use schemars::JsonSchema;
use serde::Deserialize;

/// A JSONPath (RFC 9535) that consists of names and indexes only, such as `$.meta.cursor` or `$['@odata.nextLink']`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(extend("examples" = ["$.results", "$['@odata.nextLink']"]))]
pub struct PathText(pub String);

/// Text with placeholders in braces. Everywhere: `{settings.NAME}`. In requests of a lookup: `{observable.value}`,
/// `{observable.type}` (STIX type), `{observable.expanded}` (IPv6 address without `::`), `{observable.reverse}` (name
/// of an address's PTR record), `{each}` (value of `for_each`), and the bounds of the window with a time format, such
/// as `{window.start:%Y-%m-%d}`, `{window.end:epoch-seconds}` or `{window.start:days-back}` (in UTC). In the keys that
/// define them: `{job}`, `{token}`, `{timestamp}`, `{method}`, `{path}`, `{query}`, `{body}`, `{signature}`. Literal
/// braces are written `{{` and `}}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct TemplateText(pub String);

/// An ISO 8601 duration, such as `PT30S` or `P30D`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = r"^P([0-9]+[YMWD])*(T([0-9]+[HMS])+)?$", "x-form" = "an ISO 8601 duration, like `PT30S` or `P30D`"))]
pub struct DurationText(pub String);

/// A number, or `{settings.NAME}` of type `integer`. A number from a setting is validated before the first request,
/// with the setting's `at_least` (default 1) and `at_most`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NumberText {
    /// A literal number of at least 1.
    Number(#[schemars(range(min = 1))] u64),
    /// A reference to a setting of type `integer`.
    Setting(TemplateText),
}

/// The URL of a web page, with scheme `http` or `https`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = r#"^https?://[^\s<>"`{}|\\^]+$"#, "x-form" = "the URL of a page, like `https://example.net/docs`"))]
pub struct LinkText(pub String);

/// One value, or a list of values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// A single value.
    One(T),
    /// A list of at least one value.
    Many(#[schemars(length(min = 1))] Vec<T>),
}

impl<T> OneOrMany<T> {
    /// Returns the values, each with its JSON pointer relative to the field.
    pub fn iter(&self) -> impl Iterator<Item = (String, &T)> {
        let (one, many) = match self {
            Self::One(value) => (Some((String::new(), value)), &[][..]),
            Self::Many(values) => (None, &values[..]),
        };
        one.into_iter().chain(many.iter().enumerate().map(|(i, value)| (format!("/{i}"), value)))
    }
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(vec![])
    }
}
