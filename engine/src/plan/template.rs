//! Text with `{placeholders}`, for URLs, headers, bodies and credentials. It is not a template language: a placeholder
//! stands for one declared value, and the caller decides how the value is encoded.

use super::window_text::WindowText;
use std::fmt;
use std::ops::Range;

/// A parsed text with `{placeholders}`, for URLs, headers and bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A literal or placeholder of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Literal text, copied without changes.
    Literal(String),
    /// The value of the setting with this name.
    Setting(String),
    /// The value of the queried observable.
    ObservableValue,
    /// The STIX type of the queried observable.
    ObservableType,
    /// The observable, an IPv6 address in full form without `::`.
    ObservableExpanded,
    /// The observable, an address as the name of its PTR record.
    ObservableReverse,
    /// A bound of the window in a time format.
    Window(WindowText),
    /// The current value of `for_each`.
    Each,
    /// A value that is known in this request only.
    Local(Local),
}

/// A value that is known in some requests only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// The identifier of the asynchronous job.
    Job,
    /// The access token that was obtained.
    Token,
    /// The time at which the request is sent.
    Timestamp,
    /// The path of the signed request.
    Path,
    /// The HTTP method of the signed request.
    Method,
    /// The query string of the signed request.
    Query,
    /// The body of the signed request.
    Body,
    /// The digest or HMAC over the request.
    Signature,
}

impl Local {
    /// Returns the name of the placeholder, without braces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Token => "token",
            Self::Timestamp => "timestamp",
            Self::Path => "path",
            Self::Method => "method",
            Self::Query => "query",
            Self::Body => "body",
            Self::Signature => "signature",
        }
    }
}

/// Reasons why a template is invalid, with byte ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// An unbalanced brace.
    Brace(Range<usize>),
    /// An unknown placeholder.
    Placeholder(String, Range<usize>),
    /// A bound of the window with an invalid time format.
    Time(Range<usize>),
    /// A placeholder in double braces, as in other template languages. It would be literal text.
    Doubled(String, Range<usize>),
}

/// Parts of a text with their byte ranges, and the mistakes found.
#[derive(Debug, Default)]
pub(super) struct Segments {
    pub(super) parts: Vec<(Part, Range<usize>)>,
    pub(super) mistakes: Vec<TemplateError>,
}

impl Segments {
    /// Parses a template. `{{` and `}}` are literal braces. Parsing ends at an unbalanced brace.
    pub(super) fn read(text: &str) -> Segments {
        let mut read = Segments::default();
        let mut literal = (String::new(), 0);
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let start = text.len() - rest.len() + at;
            literal.0.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some((name, after)) = doubled(&text[start..]) {
                let end = text.len() - after.len();
                read.mistakes.push(TemplateError::Doubled(name.to_owned(), start..end));
                (rest, literal.1) = (after, end);
                continue;
            }
            if let Some(after) = rest.strip_prefix(brace) {
                literal.0.push_str(brace);
                rest = after;
                continue;
            }
            let Some(end) = rest.find('}').filter(|_| brace == "{") else {
                read.mistakes.push(TemplateError::Brace(start..start + 1));
                return read;
            };
            read.literal(std::mem::take(&mut literal.0), literal.1..start);
            read.placeholder(&rest[..end], start + 1..start + 1 + end);
            rest = &rest[end + 1..];
            literal.1 = text.len() - rest.len();
        }
        literal.0.push_str(rest);
        read.literal(literal.0, literal.1..text.len());
        read
    }

    fn literal(&mut self, text: String, place: Range<usize>) {
        if !text.is_empty() {
            self.parts.push((Part::Literal(text), place));
        }
    }

    fn placeholder(&mut self, name: &str, place: Range<usize>) {
        let part = match WindowText::parse(name) {
            Some(end) => end.map(Part::Window).map_err(|()| TemplateError::Time(place.clone())),
            None => named(name).ok_or_else(|| TemplateError::Placeholder(name.to_owned(), place.clone())),
        };
        match part {
            Ok(part) => self.parts.push((part, place)),
            Err(mistake) => self.mistakes.push(mistake),
        }
    }

    pub(super) fn template(self) -> Template {
        Template { parts: self.parts.into_iter().map(|(part, _)| part).collect() }
    }
}

impl Template {
    /// Parses a template; `{{` and `}}` are literal braces.
    ///
    /// # Errors
    ///
    /// Returns the first mistake.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut read = Segments::read(text);
        if read.mistakes.is_empty() { Ok(read.template()) } else { Err(read.mistakes.swap_remove(0)) }
    }

    /// Returns a template of literal text without any placeholders.
    pub fn literal(text: &str) -> Template {
        Template { parts: vec![Part::Literal(text.to_owned())] }
    }

    /// Returns the template with a literal text prepended.
    pub fn after(mut self, text: &str) -> Template {
        self.parts.insert(0, Part::Literal(text.to_owned()));
        self
    }

    /// Returns the literals and placeholders, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the names of the settings that the template uses.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Setting(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Returns the setting's name if the template consists of one setting.
    pub fn only_setting(&self) -> Option<&str> {
        match &self.parts[..] {
            [Part::Setting(name)] => Some(name),
            _ => None,
        }
    }

    /// Returns the text if the template has no placeholder.
    pub fn as_literal(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// Writes the template as in the profile, without values.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Setting(name) => write!(f, "{{settings.{name}}}"),
            Part::ObservableValue => f.write_str("{observable.value}"),
            Part::ObservableType => f.write_str("{observable.type}"),
            Part::ObservableExpanded => f.write_str("{observable.expanded}"),
            Part::ObservableReverse => f.write_str("{observable.reverse}"),
            Part::Window(end) => write!(f, "{{{end}}}"),
            Part::Each => f.write_str("{each}"),
            Part::Local(local) => write!(f, "{{{}}}", local.as_str()),
        })
    }
}

/// Returns the name in `{{ name }}` and the rest of the text, if the name is that of a setting, the observable or the
/// window. Literal braces around such a name are certainly a mistake.
fn doubled(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix("{{")?.split_once("}}")?;
    let name = name.trim();
    let is_known = name.contains('.') && (named(name).is_some() || WindowText::parse(name).is_some());
    is_known.then_some((name, after))
}

/// Placeholders with a fixed name. The others are `{settings.NAME}` and the bounds of the window.
const NAMED: [(&str, Part); 13] = [
    ("observable.value", Part::ObservableValue),
    ("observable.type", Part::ObservableType),
    ("observable.expanded", Part::ObservableExpanded),
    ("observable.reverse", Part::ObservableReverse),
    ("each", Part::Each),
    ("job", Part::Local(Local::Job)),
    ("token", Part::Local(Local::Token)),
    ("timestamp", Part::Local(Local::Timestamp)),
    ("path", Part::Local(Local::Path)),
    ("method", Part::Local(Local::Method)),
    ("query", Part::Local(Local::Query)),
    ("body", Part::Local(Local::Body)),
    ("signature", Part::Local(Local::Signature)),
];

/// Returns the placeholders with a fixed name.
pub(super) fn placeholders() -> impl Iterator<Item = &'static str> {
    NAMED.iter().map(|(name, _)| *name)
}

fn named(name: &str) -> Option<Part> {
    let named = NAMED.iter().find(|(known, _)| *known == name).map(|(_, part)| part.clone());
    named.or_else(|| name.strip_prefix("settings.").map(|setting| Part::Setting(setting.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, parts: &[Part]) {
        assert_eq!(Template::parse(text).expect("a template").parts(), parts, "{text}");
    }

    #[test]
    fn placeholder_and_literal_are_distinguished() {
        let literal = |text: &str| Part::Literal(text.into());
        check("", &[]);
        check("a{{b}}c", &[literal("a{b}c")]);
        check("{{\"a\": {each}}}", &[literal("{\"a\": "), Part::Each, literal("}")]);
        check("/x/{observable.value}/{each}", &[literal("/x/"), Part::ObservableValue, literal("/"), Part::Each]);
        check("{settings.key}", &[Part::Setting("key".into())]);
    }

    #[test]
    fn window_bound_is_written_in_its_format() {
        let text = "/since/{window.start:%Y-%m-%d}/{window.end:epoch-seconds}/{window.start:days-back}";
        let template = Template::parse(text).expect("a template");
        assert_eq!(template.to_string(), text);
        let (start, now) = ("2024-01-31T00:00:00Z", "2024-03-01T00:00:00Z");
        let time = |text: &str| text.parse().expect("a time");
        let windows = template.parts().iter().filter_map(|part| match part {
            Part::Window(end) => Some(end),
            _ => None,
        });
        let written =
            windows.zip([start, now, start]).map(|(end, at)| (end.write(time(at), time(now)), end.is_number()));
        let expected = [("2024-01-31", false), ("1709251200", true), ("30", true)];
        assert_eq!(written.collect::<Vec<_>>(), expected.map(|(text, number)| (text.to_owned(), number)));
        assert_eq!(Template::parse("{window.start}"), Err(TemplateError::Time(1..13)));
        assert_eq!(Template::parse("{window.end:iso}"), Err(TemplateError::Time(1..15)));
    }

    #[test]
    fn template_error_contains_its_range() {
        assert_eq!(Template::parse("a{b"), Err(TemplateError::Brace(1..2)));
        assert_eq!(Template::parse("a}b"), Err(TemplateError::Brace(1..2)));
        let doubled = TemplateError::Doubled("observable.value".into(), 1..23);
        assert_eq!(Template::parse("/{{ observable.value }}/x"), Err(doubled));
        assert_eq!(Template::parse("x{value}"), Err(TemplateError::Placeholder("value".into(), 2..7)));
    }

    proptest! {
        #[test]
        fn text_without_braces_is_literal(text in "[^{}]*") {
            let template = Template::parse(&text).expect("a template");
            prop_assert_eq!(template.as_literal(), Some(text.as_str()));
        }

        #[test]
        fn arbitrary_text_does_not_panic(text in r"[{}a-z.\PC]{0,20}") {
            let _ = Template::parse(&text);
        }
    }
}
