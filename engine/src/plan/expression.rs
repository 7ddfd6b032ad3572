//! Conditions and descriptions of a profile: MiniJinja over declared names, in an otherwise empty environment. They are
//! compiled once, limited in time and memory by fuel, and receive only the names they read.

use super::fast_path::{FastCondition, FastText};
use super::grammar;
use crate::dns::parse_address;
use minijinja::machinery::{Token, tokenize};
use minijinja::value::Value;
use minijinja::{Environment, Error, Expression, UndefinedBehavior};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::LazyLock;

/// Fuel of one evaluation: a thousand times what any shipped profile needs.
const FUEL: u64 = 10_000;

/// A filter for conditions and descriptions.
pub struct Filter {
    /// Name of the filter in MiniJinja.
    pub name: &'static str,
    /// A template that uses the filter, and its result.
    pub example: (&'static str, &'static str),
    add: fn(&mut Environment<'static>),
}

/// All filters for conditions and descriptions, ordered for the manual.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "lower",
        example: ("{{ 'MX' | lower }}", "mx"),
        add: |environment| environment.add_filter("lower", |text: String| text.to_lowercase()),
    },
    Filter {
        name: "upper",
        example: ("{{ 'mx' | upper }}", "MX"),
        add: |environment| environment.add_filter("upper", |text: String| text.to_uppercase()),
    },
    Filter {
        name: "or",
        example: ("{{ none | or('?') }}", "?"),
        add: |environment| {
            environment.add_filter(
                "or",
                |value: Value, other: Value| {
                    if value.is_none() || value.is_undefined() { other } else { value }
                },
            );
        },
    },
];

type Holds = fn(Value) -> bool;

/// Tests for use with `is`.
const TESTS: &[(&str, Holds)] = &[
    ("none", |value| value.is_none()),
    ("address", |value| address(&value).is_some()),
    ("ipv4", |value| address(&value).is_some_and(|address| address.is_ipv4())),
    ("ipv6", |value| address(&value).is_some_and(|address| address.is_ipv6())),
];

fn address(value: &Value) -> Option<IpAddr> {
    parse_address(value.as_str()?).ok()
}

/// Returns the names of the tests for use with `is`.
pub fn tests() -> impl Iterator<Item = &'static str> {
    TESTS.iter().map(|(name, _)| *name)
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true);
    for (name, holds) in TESTS {
        environment.add_test(*name, *holds);
    }
    for filter in FILTERS {
        (filter.add)(&mut environment);
    }
    environment
});

/// Reasons why a condition or description is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpressionError {
    /// Invalid MiniJinja syntax: description and byte range.
    Syntax(String, Range<usize>),
    /// Valid MiniJinja that profiles may not use: description and byte range.
    NotPermitted(String, Range<usize>),
    /// Unknown names, each once, with their byte ranges.
    UnknownNames(Vec<(String, Range<usize>)>),
    /// Unknown filter, test or function: which of them, its name and byte range.
    UnknownFilter(&'static str, String, Range<usize>),
    /// A condition whose result is not a boolean.
    NotBoolean(String),
}

/// A condition over named values, with a boolean result.
#[derive(Debug)]
pub struct Condition {
    expression: Expression<'static, 'static>,
    /// Equivalent that does not need the interpreter, which takes most of a record's processing time.
    fast: Option<FastCondition>,
    reads: Vec<String>,
    text: String,
}

impl Condition {
    /// Compiles a condition that may read these names, and evaluates it once with values from `probe`, to detect errors
    /// at evaluation.
    pub fn parse(text: &str, names: &[&str], probe: impl Fn(&str) -> Value) -> Result<Self, ExpressionError> {
        permitted(text, true)?;
        known_filters(text, true)?;
        let expression =
            ENVIRONMENT.compile_expression_owned(text.to_owned()).map_err(|error| mistake(&error, text))?;
        let reads = known(expression.undeclared_variables(false), names, text, true)?;
        let condition = Self { expression, fast: FastCondition::parse(text), reads, text: text.to_owned() };
        match condition.expression.eval(context(&condition.reads, probe)) {
            Ok(value) if value.kind() == minijinja::value::ValueKind::Bool => Ok(condition),
            Ok(value) => Err(ExpressionError::NotBoolean(value.kind().to_string())),
            Err(error) => Err(mistake(&error, text)),
        }
    }

    /// Returns the names that the condition reads.
    pub fn reads(&self) -> &[String] {
        &self.reads
    }

    /// Evaluates the condition with these values.
    ///
    /// # Errors
    ///
    /// Returns the interpreter's message if the evaluation fails.
    pub fn holds(&self, value_of: impl Fn(&str) -> Value) -> Result<bool, String> {
        match &self.fast {
            Some(test) => Ok(test.holds(&value_of)),
            None => self.interpreted(value_of),
        }
    }

    fn interpreted(&self, value_of: impl Fn(&str) -> Value) -> Result<bool, String> {
        let value = self.expression.eval(context(&self.reads, value_of)).map_err(|error| detail(&error))?;
        bool::try_from(value).map_err(|error| detail(&error))
    }

    /// Returns the condition as written in the profile.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A description template with values of a record.
#[derive(Debug)]
pub struct Prose {
    environment: Environment<'static>,
    /// Equivalent that does not need the interpreter.
    fast: Option<FastText>,
    reads: Vec<String>,
    text: String,
}

impl Prose {
    /// Compiles a template that may read these names, and renders it once with values from `probe`.
    pub fn parse(text: &str, names: &[&str], probe: impl Fn(&str) -> Value) -> Result<Self, ExpressionError> {
        permitted(text, false)?;
        known_filters(text, false)?;
        let mut environment = ENVIRONMENT.clone();
        environment.add_template_owned("prose", text.to_owned()).map_err(|error| mistake(&error, text))?;
        let template = environment.get_template("prose").expect("it was just added");
        let reads = known(template.undeclared_variables(false), names, text, false)?;
        template.render(context(&reads, probe)).map_err(|error| mistake(&error, text))?;
        Ok(Self { environment, fast: FastText::parse(text), reads, text: text.to_owned() })
    }

    /// Returns the names that the template reads.
    pub fn reads(&self) -> &[String] {
        &self.reads
    }

    /// Renders the template with these values.
    ///
    /// # Errors
    ///
    /// Returns the interpreter's message if rendering fails.
    pub fn render(&self, value_of: impl Fn(&str) -> Value) -> Result<String, String> {
        match &self.fast {
            Some(words) => Ok(words.render(&value_of)),
            None => self.interpreted(value_of),
        }
    }

    fn interpreted(&self, value_of: impl Fn(&str) -> Value) -> Result<String, String> {
        let template = self.environment.get_template("prose").expect("added when it was compiled");
        template.render(context(&self.reads, value_of)).map_err(|error| detail(&error))
    }

    /// Returns the template as written in the profile.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn context(reads: &[String], value_of: impl Fn(&str) -> Value) -> Value {
    Value::from(reads.iter().map(|name| (name.as_str(), value_of(name))).collect::<BTreeMap<_, _>>())
}

fn permitted(text: &str, in_expression: bool) -> Result<(), ExpressionError> {
    grammar::check(text, in_expression).map_err(|(what, place)| ExpressionError::NotPermitted(what, place))
}

/// Validates the filters of a text. MiniJinja reports unknown filters at evaluation only, which a short-circuiting
/// `and` can skip.
fn known_filters(text: &str, in_expression: bool) -> Result<(), ExpressionError> {
    words(text, in_expression).iter().find_map(|word| word.unknown(text)).map_or(Ok(()), Err)
}

/// A condition is an expression from its start (`in_expression`).
fn known(
    read: impl IntoIterator<Item = String>,
    names: &[&str],
    text: &str,
    in_expression: bool,
) -> Result<Vec<String>, ExpressionError> {
    let words = words(text, in_expression);
    let read: BTreeSet<String> = read.into_iter().collect();
    let place = |name: &String| {
        let word = words.iter().find(|word| word.is == Role::Name && text[word.place.clone()] == **name);
        word.map_or(0..text.len(), |word| word.place.clone())
    };
    let unknown = read.iter().filter(|name| !names.contains(&name.as_str()));
    let mut unknown: Vec<_> = unknown.map(|name| (name.clone(), place(name))).collect();
    unknown.sort_by_key(|(_, place)| place.start);
    if unknown.is_empty() { Ok(read.into_iter().collect()) } else { Err(ExpressionError::UnknownNames(unknown)) }
}

/// Returns the names that a text reads, as far as it can be parsed.
pub(super) fn names(text: &str, in_expression: bool) -> Vec<String> {
    let words = words(text, in_expression).into_iter().filter(|word| word.is == Role::Name);
    words.map(|word| text[word.place].to_owned()).collect()
}

/// A word of an expression.
struct Word {
    place: Range<usize>,
    is: Role,
}

#[derive(PartialEq, Eq)]
enum Role {
    Name,
    Filter,
    Test,
    Attribute,
}

impl Word {
    fn unknown(&self, text: &str) -> Option<ExpressionError> {
        let word = &text[self.place.clone()];
        let (kind, is_known) = match self.is {
            Role::Filter => ("filter", FILTERS.iter().any(|filter| filter.name == word)),
            Role::Test => ("test", tests().any(|test| test == word)),
            Role::Name | Role::Attribute => return None,
        };
        (!is_known).then(|| ExpressionError::UnknownFilter(kind, word.to_owned(), self.place.clone()))
    }
}

/// Returns the words of a valid text, classified by the preceding token.
fn words(text: &str, in_expression: bool) -> Vec<Word> {
    let mut words = vec![];
    let mut is = Role::Name;
    for (token, span) in tokenize(text, in_expression, Default::default()).map_while(Result::ok) {
        is = match (token, is) {
            (Token::Pipe, _) => Role::Filter,
            (Token::Dot, _) => Role::Attribute,
            (Token::Ident("is"), Role::Name) => Role::Test,
            (Token::Ident("not"), Role::Test) => Role::Test,
            (Token::Ident(_), is) => {
                words.push(Word { place: span.start_offset as usize..span.end_offset as usize, is });
                Role::Name
            }
            _ => Role::Name,
        };
    }
    words
}

fn mistake(error: &Error, text: &str) -> ExpressionError {
    // The range may end one byte after the text.
    let end = error.range().map_or(text.len(), |range| range.end.min(text.len()));
    let place = error.range().map_or(0, |range| range.start.min(end))..end;
    ExpressionError::Syntax(detail(error), place)
}

fn detail(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn probe(name: &str) -> Value {
        match name {
            "count" => Value::from(1),
            "nothing" => Value::from(()),
            _ => Value::from("A"),
        }
    }

    const NAMES: &[&str] = &["rrtype", "count", "nothing"];

    #[test]
    fn condition_evaluates_to_its_result() {
        let holds =
            |text: &str| Condition::parse(text, NAMES, probe).expect("a condition").holds(probe).expect("a verdict");
        assert!(holds("rrtype == 'A' and rrtype in ['A', 'AAAA']"));
        assert!(!holds("not rrtype == 'A'"));
        assert!(holds("count > 0"));
        assert!(holds("nothing is none and count is not none"));
        assert!(holds("'192.0.2.1' is ipv4 and '2001:db8::1' is ipv6 and rrtype is not address"));
    }

    #[test]
    fn invalid_condition_returns_its_error() {
        let error = |text: &str| Condition::parse(text, NAMES, probe).expect_err("a mistake");
        assert!(matches!(error("rrtype =="), ExpressionError::Syntax(..)));
        let names = [("typ".to_owned(), 0..3), ("cont".to_owned(), 28..32)];
        assert_eq!(error("typ == 'cont' and rrtype != cont"), ExpressionError::UnknownNames(names.into()));
        assert!(matches!(error("rrtype"), ExpressionError::NotBoolean(_)));
        for (text, kind, word, place) in [
            ("rrtype | sha == 'A'", "filter", "sha", 9..12),
            ("rrtype == 'MX' and rrtype | sha == 'A'", "filter", "sha", 28..31),
            ("rrtype == 'MX' and count is not number", "test", "number", 32..38),
        ] {
            assert_eq!(error(text), ExpressionError::UnknownFilter(kind, word.into(), place), "{text}");
        }
    }

    #[test]
    fn filter_example_renders_its_result() {
        for filter in FILTERS {
            let prose = Prose::parse(filter.example.0, &[], probe).expect("an example compiles");
            assert_eq!(prose.render(probe).as_deref(), Ok(filter.example.1), "{}", filter.name);
        }
    }

    #[test]
    fn endless_loop_does_not_compile() {
        let endless = "{% for a in range(10000000) %}{% for b in range(10000000) %}x{% endfor %}{% endfor %}";
        assert!(Prose::parse(endless, NAMES, probe).is_err());
    }

    const CONDITIONS: &str = r"(not )?(rrtype|count|nothing|'A') ?(==|!=|in|not in) ?('A'|1|none|\['A', 1\]|rrtype)( (and|or) (count in \[1, 2\]|not rrtype != 'MX'))?";

    proptest! {
        #[test]
        fn condition_fast_path_equals_interpreter(text in CONDITIONS) {
            if let Ok(condition) = Condition::parse(&text, NAMES, probe) {
                prop_assert_eq!(condition.holds(probe), condition.interpreted(probe));
            }
        }

        #[test]
        fn template_fast_path_equals_interpreter(text in r"([a-z{}% \n]|\{\{-? ?(rrtype|count|nothing) ?-?\}\}){0,6}") {
            if let Ok(prose) = Prose::parse(&text, NAMES, probe) {
                prop_assert_eq!(prose.render(probe), prose.interpreted(probe));
            }
        }

        #[test]
        fn arbitrary_text_does_not_panic(text in r"[{}%a-z|'. =()\[\]0-9\PC]{0,24}") {
            for result in [Condition::parse(&text, NAMES, probe).err(), Prose::parse(&text, NAMES, probe).err()] {
                if let Some(ExpressionError::Syntax(_, place) | ExpressionError::NotPermitted(_, place) | ExpressionError::UnknownFilter(_, _, place)) = result {
                    prop_assert!(place.start <= place.end && place.end <= text.len());
                }
            }
        }
    }
}
