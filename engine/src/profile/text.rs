//! The notations a string of a profile can be in: path, template, duration; and the one-or-many shorthand.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where something stands in an answer: a JSONPath (RFC 9535) of names and indexes, such as `$.meta.cursor` or
/// `$['@odata.nextLink']`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(extend("examples" = ["$.results", "$['@odata.nextLink']"]))]
pub struct PathText(pub String);

/// Literal text with `{placeholders}`: `{settings.NAME}`, `{observable.value}`, `{observable.type}` (the STIX type),
/// `{observable.expanded}` (an IPv6 address with all its zeros), `{observable.reverse}` (an address as the name of its PTR
/// record), `{each}`; an end of the window with how it is written, such as `{window.start:%Y-%m-%d}`,
/// `{window.end:epoch-seconds}` or `{window.start:days-back}` (in UTC); and where they are known `{job}`, `{token}`,
/// `{timestamp}`, `{path}`, `{method}`, `{query}`, `{body}`, `{signature}`. `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct TemplateText(pub String);

/// A duration in ISO 8601, such as `PT30S` or `P30D`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = r"^P([0-9]+[YMWD])*(T([0-9]+[HMS])+)?$", "x-form" = "an ISO 8601 duration, like `PT30S` or `P30D`"))]
pub struct DurationText(pub String);

/// How many: a number, or `{settings.NAME}` of type `integer`. The operator's number is checked before anything is asked, by the
/// setting's `at_least` (1 if it has none) and `at_most`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NumberText {
    /// In the profile.
    Number(#[schemars(range(min = 1))] u64),
    /// In a setting.
    Setting(TemplateText),
}

/// The address of a page for people to open.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = r#"^https?://[^\s<>"`{}|\\^]+$"#, "x-form" = "the URL of a page, like `https://example.net/docs`"))]
pub struct LinkText(pub String);

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// A list.
    Many(#[schemars(length(min = 1))] Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values, with the JSON pointer of each relative to the field.
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
